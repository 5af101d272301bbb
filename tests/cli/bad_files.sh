#!/usr/bin/env bash
# Hostile and broken model files: one clear line, exit code 3, nothing under the output's name.
. "$2/tests/cli/check.bash"
need_model

# broken TEXT MODEL -- inspect, plan and quantize refuse the model with exit code 3.
broken() {
    refuse 3 "$1" inspect "$2"
    refuse 3 "$1" plan "$2" -r nvfp4a16
    refuse 3 "$1" quantize "$2" -r nvfp4a16 -o result
    absent result
}
one='"a.weight":{"dtype":"F32","shape":[4,32],"data_offsets":[0,512]}'

refuse 3 'no-such' inspect no-such.safetensors
refuse 3 'no-such' quantize no-such -r nvfp4a16
: >empty.safetensors
broken 'empty.safetensors' empty.safetensors
printf 'abc' >short.safetensors
broken 'short.safetensors' short.safetensors
{ le64 1000000; printf '{}'; } >lying.safetensors
broken 'lying.safetensors' lying.safetensors
{ printf '\377\377\377\377\377\377\377\377'; printf '{}'; } >huge.safetensors
broken 'huge.safetensors' huge.safetensors
st_make told.safetensors "{\"__metadata__\":{\"t\":\"$(printf '%02000000d' 0)\"},$one}" 512 # tags of a training run
run 0 inspect told.safetensors
rm told.safetensors
st_make cut.safetensors "{$one}" 500
broken 'cut.safetensors' cut.safetensors
st_make long.safetensors "{$one}" 600
broken 'long.safetensors' long.safetensors
st_make overlap.safetensors "{$one,\"b.weight\":{\"dtype\":\"F32\",\"shape\":[4,32],\"data_offsets\":[256,768]}}" 768
broken 'overlap.safetensors' overlap.safetensors
st_make gap.safetensors "{$one,\"b.weight\":{\"dtype\":\"F32\",\"shape\":[4,32],\"data_offsets\":[600,1112]}}" 1112
broken 'gap.safetensors' gap.safetensors
st_make shape.safetensors '{"a.weight":{"dtype":"F32","shape":[4,33],"data_offsets":[0,512]}}' 512
broken 'shape.safetensors.*a.weight|a.weight' shape.safetensors
st_make negative.safetensors '{"a.weight":{"dtype":"F32","shape":[-4,-32],"data_offsets":[0,512]}}' 512
broken 'negative.safetensors' negative.safetensors
st_make overflow.safetensors '{"a.weight":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,512]}}' 512
broken 'overflow.safetensors' overflow.safetensors
st_make dtype.safetensors '{"a.weight":{"dtype":"F33","shape":[4,32],"data_offsets":[0,512]}}' 512
broken 'F33|dtype' dtype.safetensors
st_make twice.safetensors "{$one,$one}" 512
broken 'twice.safetensors' twice.safetensors
st_make text.safetensors '{"a.weight":' 512
broken 'text.safetensors' text.safetensors
st_make noise.safetensors "$(head -c 300 /dev/urandom | tr -d '\0')" 512
broken 'noise.safetensors' noise.safetensors
st_make deep.safetensors "$(printf '[%.0s' $(seq 1 5000))" 0
broken 'deep.safetensors' deep.safetensors
st_make escape.safetensors "$(printf '{"a\\u001b[31m.weight":{"dtype":"F32","shape":[4,33],"data_offsets":[0,512]}}')" 512
broken '' escape.safetensors
grep -q "$(printf '\033')" err && fail "an escape of the file reaches the terminal"

# A real model cut at many places.
size=$(wc -c <"$tiny/model.safetensors")
for cut in 1 8 9 100 $((size / 2)) $((size - 1)); do
    copy_model cut
    head -c $cut "$tiny/model.safetensors" >cut/model.safetensors
    refuse 3 'model.safetensors' quantize cut -r nvfp4a16 -o result
    absent result
done

# Folders.
copy_model shards
mv shards/model.safetensors shards/model-00001-of-00002.safetensors
printf '{"metadata":{},"weight_map":{"model.embed_tokens.weight":"model-00001-of-00002.safetensors","x.weight":"model-00002-of-00002.safetensors"}}' >shards/model.safetensors.index.json
broken 'model-00002-of-00002.safetensors' shards
printf '{"weight_map":{"x":"../../../etc/passwd"}}' >shards/model.safetensors.index.json
broken 'passwd' shards
mkdir nothing
broken 'nothing' nothing
copy_model config
printf '{"model_type": "llama",' >config/config.json
broken 'config.json' config
for key in hidden_size num_hidden_layers num_attention_heads vocab_size; do
    copy_model config
    sed -i "/\"$key\"/d" config/config.json
    refuse 3 "$key" quantize config -r nvfp4a16 -o result
    absent result
done
for value in 0 -1 1e30 '"many"' 1073741824; do
    copy_model config
    sed -i "s/\"num_hidden_layers\": [0-9]*/\"num_hidden_layers\": $value/" config/config.json
    refuse 3 '' quantize config -r nvfp4a16 -o result
done
copy_model tensor
st_edit "$tiny/model.safetensors" tensor/model.safetensors 's/model.layers.2.mlp.up_proj.weight/model.layers.2.mlp.UP_proj.weight/'
refuse 3 'model.layers.2.mlp.(up|UP)_proj' quantize tensor -r nvfp4-arc -o result
absent result
copy_model tokenizer
rm tokenizer/tokenizer.json
refuse 3 'tokenizer.json' quantize tokenizer -r nvfp4-arc --data "$tiny/test.txt" -o result
refuse 3 'tokenizer.json' eval ppl tokenizer --data "$tiny/test.txt" --window 64
printf '{"model":{"type":"BPE","vocab":' >tokenizer/tokenizer.json
refuse 3 'tokenizer.json' eval ppl tokenizer --data "$tiny/test.txt" --window 64
head -c 3 "$tiny/test.txt" >odd.i32
refuse 3 'odd.i32' eval ppl "$tiny" --tokens odd.i32 --window 64
{ le64 1; printf '\377\377\377\177'; } >range.i32
refuse 3 'range.i32|vocabulary|token' eval ppl "$tiny" --tokens range.i32 --window 2
# Found when all blocks are done: nothing is left to resume, for the model must change.
cat >blocks.yaml <<'Y'
vq: 1
name: blocks
rules:
  - {match: {name: ["*"]}, use: mxfp4a16}
  - {match: {role: [embed, lm_head, norm]}, use: keep, optional: true}
passes:
  - {do: hadamard, block: 32}
  - {do: round, method: rtn}
output: {format: vq}
Y
copy_model broken
poke broken/model.safetensors "$(st_offset broken/model.safetensors model.embed_tokens.weight)" '\xc0\x7f'
refuse 3 'NaN' quantize broken -r blocks.yaml -o result
absent result
# The index of a model in shards is not that of the artifact.
copy_model shards
mv shards/model.safetensors shards/model-00001-of-00001.safetensors
st_header shards/model-00001-of-00001.safetensors | grep -oE '"[a-z_0-9.]+\.weight"' | sed 's/.*/&: "model-00001-of-00001.safetensors"/' | paste -sd, |
    sed 's/.*/{"weight_map": {&}}/' >shards/model.safetensors.index.json
run 0 quantize shards -r mxfp4a16 -o single
absent single/model.safetensors.index.json
run 0 quantize shards -r mxfp4a16 --set output.shard=100KiB -o pieces
run 0 verify pieces
printf 'good \377\376 text' >latin.txt
refuse 3 'latin.txt|UTF-8' eval ppl "$tiny" --data latin.txt --window 64
absent result
end_checks
