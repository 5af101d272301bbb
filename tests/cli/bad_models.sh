#!/usr/bin/env bash
# Models and recipes that do not fit together: NaN weights, unknown architectures, rules that match nothing, groups that do not divide.
. "$2/tests/cli/check.bash"
need_model

# NaN and Inf in one weight (bf16).
name=model.layers.1.mlp.down_proj.weight
for bits in '\xc0\x7f' '\x80\xff'; do
    copy_model poisoned
    at=$(st_offset poisoned/model.safetensors $name)
    poke poisoned/model.safetensors $((at + 200)) "$bits"
    for recipe in nvfp4a16 int4-g64; do
        refuse '[36]' 'model.layers.1.mlp.down_proj' quantize poisoned -r $recipe -o result
        absent result
    done
done

# NaN or Inf in what is kept: refused too, and no perplexity of it.
for tensor in model.norm.weight model.embed_tokens.weight; do
    copy_model kept
    poke kept/model.safetensors $(($(st_offset kept/model.safetensors $tensor) + 20)) '\xc0\x7f'
    refuse 3 "$tensor.*NaN" quantize kept -r nvfp4a16 -o result
    refuse 3 "$tensor.*NaN.*not finite" eval ppl kept --data "$tiny/test.txt" --window 64 --max-windows 2
    refuse 3 "$tensor.*NaN.*not finite" generate kept -p The -n 2
    refuse 3 "$tensor.*NaN.*kept: the loss" eval ppl "$tiny" --ref kept --data "$tiny/test.txt" --window 64 --max-windows 2
    absent result
done

# A code of a quantized weight that is no number, and a scale that is none, are named by whoever reads them.
run 0 quantize "$tiny" -r fp8 -o coded
run 0 quantize "$tiny" -r nvfp4 --data "$tiny/valid.txt" --set calib.samples=1 --set calib.seqlen=32 -o scaled
reads() { # reads NAME MODEL -- every command that reads the weights
    local data="--data $tiny/test.txt --window 64 --max-windows 2" few='--set calib.samples=1 --set calib.seqlen=32'
    refuse 3 "$1.*not finite" eval ppl $2 $data
    refuse 3 "$1.*not finite" eval ppl "$tiny" --ref $2 $data
    refuse 3 "$1.*not finite" generate $2 -p The -n 2
    refuse 3 "$1" diff "$tiny" $2
    refuse 3 "$1" diff $2 "$tiny"
    refuse 3 "$1" calibrate $2 -r gptq-nvfp4 $few -o result
    refuse 3 "$1" quantize $2 -r int4-g64 -o result
    absent result
}
for code in '\x7f' '\xff'; do
    cp -r coded broken
    poke broken/model.safetensors $(($(st_offset broken/model.safetensors $name) + 300)) "$code"
    reads "$name: row 1 decodes to NaN" broken
    rm -r broken
done
poke scaled/model.safetensors $(($(st_offset scaled/model.safetensors ${name}_scale) + 17)) '\x7f'
reads "$name: row 1 decodes to NaN" scaled

# A run with data blames the weight that is broken, not where it showed.
copy_model poisoned
poke poisoned/model.safetensors $(($(st_offset poisoned/model.safetensors $name) + 200)) '\xc0\x7f'
refuse 3 "$name\\[0\\]\\[100\\] is NaN.*layer 1" quantize poisoned -r gptq-nvfp4 --set calib.samples=1 --set calib.seqlen=32 -o result
refuse 3 "$name.* NaN" calibrate poisoned -r gptq-nvfp4 --set calib.samples=1 --set calib.seqlen=32 -o result
absent result

# A weight near the end of bf16 that MX rounds up to what no float holds.
poke poisoned/model.safetensors $(($(st_offset poisoned/model.safetensors $name) + 200)) '\x62\x7f'
refuse 6 'layers.1.mlp.down_proj > weight \[0\]\[100\] is rounded to inf' quantize poisoned -r mxfp4 -o result
absent result

# Tensors that config.json does not describe: recipes without data say so too.
# differs TEXT SED -- the model with its header edited.
differs() {
    copy_model other
    st_edit "$tiny/model.safetensors" other/model.safetensors "$2"
    refuse 3 "$1" plan other -r nvfp4a16
    refuse 3 "$1" quantize other -r nvfp4a16 -o result
    refuse 3 "$1" quantize other -r nvfp4-arc -o result
    refuse 3 "$1" eval ppl other --data "$tiny/test.txt" --window 64
    absent result
}
tensor() { printf '"%s":{[^}]*' "$1"; }
differs "${name%.weight}.*\[256, 128\].*\[128, 256\]" "s/\($(tensor $name)\)\[128,256\]/\1[256,128]/"
differs "$name.*I16" "s/\($(tensor $name)\)BF16/\1I16/"
differs "$name.*F32" "s/\($(tensor $name)\)BF16/\1F32/"
differs "$name.*missing" "s/$name/no.such.weight/"
differs 'model.norm.weight.*I16' "s/\($(tensor model.norm.weight)\)BF16/\1I16/"
differs 'model.norm.weight.*missing' 's/"model.norm.weight"/"model.morn.weight"/'
differs 'embed_tokens.*U16' "s/\($(tensor model.embed_tokens.weight)\)BF16/\1U16/"
for change in 's/"num_hidden_layers": *4/"num_hidden_layers": 5/' 's/"vocab_size": *512/"vocab_size": 511/' 's/"intermediate_size": *256/"intermediate_size": 512/'; do
    copy_model other
    sed -i "$change" other/config.json
    refuse 3 'config.json asks for|missing' quantize other -r nvfp4a16 -o result
    absent result
done
copy_model other
rm other/config.json
refuse 3 'config.json' quantize other -r nvfp4-arc -o result
refuse 3 'config.json' eval ppl other --data "$tiny/test.txt"

# Ways of quantizing that vq cannot decode; data that are no text.
run 0 quantize "$tiny" -r nvfp4a16 -o quantized
for method in awq gptq bitsandbytes quark none-such; do
    rm -rf other && cp -r quantized other
    sed -i "s/\"compressed-tensors\"/\"$method\"/" other/config.json
    for command in quantize plan; do
        refuse 3 "quant_method $method cannot be read.*original" $command other -r fp8
    done
done
sed -i 's/"num_bits": *4/"num_bits": 5/g' quantized/config.json
refuse 3 'bits' eval ppl quantized --data "$tiny/test.txt"
refuse 3 'regular file' quantize "$tiny" -r nvfp4 --data "$tiny" -o result
refuse 3 'UTF-8' quantize "$tiny" -r nvfp4 --data "$tiny/model.safetensors" -o result
: >empty.txt
refuse 3 'empty.txt' quantize "$tiny" -r nvfp4 --data empty.txt -o result
absent result

# A config that counts fewer layers than the weights have: what lies behind is copied, and said.
copy_model short
sed -i 's/"num_hidden_layers": *4/"num_hidden_layers": 3/' short/config.json
run 0 quantize short -r nvfp4a16 -o short-out
err_has 'warning: model.layers.3.*num_hidden_layers 3; 7 weights'
run 0 plan short -r nvfp4a16
err_has 'num_hidden_layers 3'
run 0 plan "$tiny/model.safetensors" -r nvfp4a16
err_empty

# An unknown architecture: data-free recipes quantize its matrices, others say why not.
copy_model strange
sed -i 's/"model_type": *"llama"/"model_type": "stranger"/; s/LlamaForCausalLM/StrangerForCausalLM/' strange/config.json
run 0 quantize strange -r nvfp4a16 -o strange-out
run 0 verify strange-out
refuse 3 'stranger' quantize strange -r nvfp4-arc -o result
refuse 3 'stranger' eval ppl strange --data "$tiny/test.txt"
absent result

# A rule that matches nothing is an error with the nearest name.
sed '/^passes:/i\  - match: {name: ["*.mlp.dwon_proj"]}\n    use: keep' "$source_dir/recipes/nvfp4a16.yaml" >rule.yaml
run 0 recipe check rule.yaml
refuse 2 'dwon_proj.*down_proj' plan "$tiny" -r rule.yaml
refuse 2 'dwon_proj' quantize "$tiny" -r rule.yaml -o result
absent result

# A group that does not divide K: says which sizes do.
copy_model narrow
st_make narrow/model.safetensors '{"a.weight":{"dtype":"F32","shape":[4,96],"data_offsets":[0,1536]}}' 1536
sed -i 's/"model_type": *"llama"/"model_type": "stranger"/' narrow/config.json
refuse 2 '96.*(32|48)' quantize narrow -r int4-g64 -o result
refuse 2 '96.*(32|48)' plan narrow -r int4-g64
absent result

# What calibration cannot run, the plan refuses already.
copy_model partial
sed -i 's/"model_type"/"partial_rotary_factor": 0.5, "model_type"/' partial/config.json
refuse 3 'partial_rotary_factor 0.5' plan partial -r gptq-nvfp4
refuse 3 'partial_rotary_factor 0.5' quantize partial -r gptq-nvfp4 -o result
run 0 plan partial -r nvfp4a16
absent result

# Rotations that are left to the runtime have a place in format vq alone; tables are read as they are.
refuse 2 'pass hadamard.*output.format=vq' plan "$tiny" -r mr-gptq-mxfp4 --set output.format=compressed-tensors
refuse 2 'pass hadamard' quantize "$tiny" -r mr-gptq-mxfp4 --set output.format=compressed-tensors -o result
grep -v 'embed' "$source_dir/recipes/nvfp4a16.yaml" >all.yaml
refuse 2 'embed_tokens is a table' plan "$tiny" -r all.yaml
absent result

# ARC is not for every scheme; compressed-tensors cannot hold it.
sed 's/format: *vq/format: compressed-tensors/' "$source_dir/recipes/nvfp4-arc.yaml" >arc-ct.yaml
refuse 2 'compressed-tensors' quantize "$tiny" -r arc-ct.yaml -o result
absent result
end_checks
