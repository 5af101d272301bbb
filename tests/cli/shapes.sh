#!/usr/bin/env bash
# Checkpoints as people have them. A recipe without data runs no forward pass: what config.json says of one does not stop it, and what has none
# is refused by plan already. Prefixes, heads that are missing, and tensors that nothing reads.
. "$2/tests/cli/check.bash"
need_model
run 0 quantize "$tiny" -r nvfp4a16 -o plain
tokens=$work/ids
for i in $(seq 300); do printf "\\x$(printf %02x $((i * 37 % 256)))\\x0\\x0\\x0"; done >"$tokens"
evaluate() { run 0 eval ppl "$1" --tokens "$tokens" --window 64 --json; }
perplexity() { grep -oE '"perplexity":[0-9.]+' out; }
evaluate "$tiny"
want=$(perplexity)

# digests FOLDER -- of what is stored of each linear
digests() { sed -n '/^ "tensors": {/,/^ }/p' "$1/vq.json"; }
digests plain | grep -q q_proj || fail "vq.json has other lines"

# no_forward MODEL WHY -- the same weights as of the plain model, one warning, and a no of plan and quantize to what needs a forward pass.
no_forward() {
    run 0 plan "$1" -r nvfp4a16
    [ "$(grep -c "$2.*no-forward-pass" err)" = 1 ] || fail "does not warn once of '$2'"
    run 0 quantize "$1" -r nvfp4a16 -o "$1-out" -q
    err_has 'no-forward-pass'
    [ "$(digests "$1-out")" = "$(digests plain)" ] || fail "other weights"
    run 0 verify "$1-out"
    run 0 quantize "$1" -r nvfp4a16 -o "$1-out" --force
    err_has "^next: .*/vq verify $1-out --against $1$"
    refuse 3 "cannot run this model: .*$2" generate "$1" -p x
    [ "$(wc -l <err)" = 1 ] || fail "says it twice"
    refuse 3 "cannot run this model: .*$2" plan "$1" -r gptq-int4
    refuse 3 "cannot run this model: .*$2" quantize "$1" -r gptq-int4 -o result
    refuse 3 "cannot run this model: .*$2" eval ppl "$1" --tokens "$tokens"
    rm -rf "${1:?}-out"
    absent result
}
# config SED WHY
config() {
    copy_model other
    sed -i "$1" other/config.json
    no_forward other "$2"
    rm -rf other
}
config 's/"rope_scaling": null/"rope_scaling": {"rope_type": "spiral", "factor": 2}/' 'rope type spiral'
config 's/"rope_scaling": null/"rope_scaling": {"rope_type": "yarn", "factor": "x"}/' 'factor is not a number'
config 's/"silu"/"mystery"/' 'activation mystery'
config 's/"num_attention_heads": 4/"num_attention_heads": 3/' 'num_attention_heads 3'
config 's/"num_attention_heads": 4/"num_attention_heads": 8/' 'q_proj is \[128, 128\]; the heads'
config 's/"head_dim": 32/"head_dim": 31/' 'head_dim is 31'
config 's/"rms_norm_eps": 1e-05/"rms_norm_eps": "small"/' 'rms_norm_eps is not a number'
config 's/"eos_token_id": 0/"eos_token_id": [0, "x"]/' 'eos_token_id is not a token id'
config 's/"llama"/"stranger"/' 'no forward pass of architecture "stranger"'
config 's/"llama"/"qwen2"/; s/"use_cache"/"layer_types": ["full_attention"], "use_cache"/' 'layer_types does not list every layer'

# Any number of last tokens.
copy_model ends
sed -i 's/"eos_token_id": 0/"eos_token_id": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]/' ends/*.json
evaluate ends

# The names that a model without its head has, and those inside a model of images and text: all runs.
# renamed FOLDER PREFIX
renamed() {
    copy_model "$1"
    st_edit "$tiny/model.safetensors" "$1/model.safetensors" "s/\"model\\./\"$2/g"
    evaluate "$1"
    [ "$(perplexity)" = "$want" ] || fail "$(perplexity) instead of $want"
    run 0 quantize "$1" -r gptq-int4 --tokens "$tokens" --set calib.samples=4 --set calib.seqlen=64 -o "$1-out" -q
    evaluate "$1-out"
}
renamed base ''
renamed inside language_model.model.
renamed around model.language_model.
sed -i 's/"llama"/"llava"/; s/"hidden_size"/"text_config": {"model_type": "llama", "hidden_size"/; s/"use_cache": true/"use_cache": true}/' around/config.json
evaluate around
[ "$(perplexity)" = "$want" ] || fail "the text part gives $(perplexity)"

# What is stored and read by nothing is said: a bias that config.json does not ask for changes nothing, as in transformers.
copy_model biased
cp "$tiny/model.safetensors" grown
end=$(($(stat -c %s grown) - 8 - $(st_header_size grown)))
for _ in $(seq 128); do printf '\x80\x3f'; done >>grown
st_edit grown biased/model.safetensors "s/^{/{\"model.layers.0.self_attn.q_proj.bias\":{\"dtype\":\"BF16\",\"shape\":[128],\"data_offsets\":[$end,$((end + 256))]},/"
evaluate biased
[ "$(perplexity)" = "$want" ] || fail "a bias without a place changes the model"
run 0 quantize biased -r nvfp4a16 -o biased-out
err_has 'model.layers.0.self_attn.q_proj.bias: 1 tensor of the model is read by nothing.*orphans'
run 0 plan "$tiny/model.safetensors" -r nvfp4a16
err_empty

# A matrix that lies the other way round (Conv1D): inspect has the shape of the file, plan that of the linear.
mkdir turned
st_make turned/model.safetensors '{"h.0.attn.c_attn.weight":{"dtype":"F32","shape":[8,24],"data_offsets":[0,768]},"h.0.attn.c_attn.bias":{"dtype":"F32","shape":[24],"data_offsets":[768,864]}}' 864
printf '{"model_type": "gpt2-like"}' >turned/config.json
run 0 inspect turned --json
out_has '"h.0.attn.c_attn.weight","dtype":"F32","shape":\[8,24\]'
run 0 plan turned -r int8-w8a16 --set output.format=vq --json
out_has '"h.0.attn.c_attn","role":"[a-z.]*","shape":\[24,8\]'

# Heads that read the embedding and are not stored are linears all the same: no loader may look for their scales.
mkdir bert
st_make bert/model.safetensors '{"bert.encoder.layer.0.output.dense.weight":{"dtype":"F32","shape":[32,64],"data_offsets":[0,8192]},"cls.predictions.bias":{"dtype":"F32","shape":[40],"data_offsets":[8192,8352]},"vocab_projector.bias":{"dtype":"F32","shape":[40],"data_offsets":[8352,8512]}}' 8512
printf '{"model_type": "bert", "vocab_size": 40}' >bert/config.json
run 0 quantize bert -r int8 -o bert-out
grep -q 'loads in' out && fail 'says who loads a model that vq does not know'
for head in cls.predictions.decoder vocab_projector; do grep -q "\"$head\"" bert-out/config.json || fail "config.json does not ignore $head"; done
end_checks
