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

# ARC is not for every scheme; compressed-tensors cannot hold it.
sed 's/format: *vq/format: compressed-tensors/' "$source_dir/recipes/nvfp4-arc.yaml" >arc-ct.yaml
refuse 2 'compressed-tensors' quantize "$tiny" -r arc-ct.yaml -o result
absent result
end_checks
