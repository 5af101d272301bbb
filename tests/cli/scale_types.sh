#!/usr/bin/env bash
# Scale types: what a recipe gives is stored or refused, and recipe, vq.json, explain and inspect name what is stored; what no model changes is refused by `recipe check`.
. "$2/tests/cli/check.bash"
need_model

# recipe WEIGHT ACT [FORMAT [PASSES]]
recipe() {
    printf 'vq: 1\nname: s\nschemes:\n  s: {weight: {%s}%s}\nrules:\n  - {match: {name: ["*"]}, use: s}\n  - {match: {role: [embed, lm_head, norm]}, use: keep}\npasses:\n%s\noutput: {format: %s}\n' \
        "$1" "${2:+, act: {$2\}}" "${4:-  - {do: round, method: rtn\}}" "${3:-compressed-tensors}" >s.yaml
}
row='grid: i8, group: channel' token='grid: i8, group: token' whole='grid: i8, group: tensor'

# Refused without a model, where none would do.
never() {
    refuse 2 "s.yaml > .*$1" recipe check s.yaml
    refuse 2 "s.yaml > .*$1" plan "$tiny" -r s.yaml
}
for t in f16 bf16; do
    recipe "$row" "$token, scale: $t"
    never 'scheme s: .*inputs made at run time in f32: say scale: f32'
done
recipe "$row" "$token, range: narrow" && never 'differ from range: full'
recipe "grid: e2m1, group: block:32, scale: e8m0" "grid: e2m1, group: block:32, scale: e8m0, rule: ceil" && never 'differ from rule: bump'
recipe "grid: iq4nl, group: block:32, scale: f16" '' && never 'cannot hold scheme s'
recipe "$row" '' compressed-tensors $'  - {do: hadamard, block: 16, fold: online}\n  - {do: round, method: rtn}' && never '--set output.format=vq'
for m in mse gptq learned; do
    recipe 'grid: bfp16, group: block:64' '' vq "  - {do: round, method: $m}"
    never "$m takes grids of at most 8 bits, not 16; use rtn"
    run 0 recipe show $m
    out_has 'at most 8 bits'
done

# Refused of a model in another type.
recipe "$row, scale: f32" ''
run 0 recipe check s.yaml
refuse 2 "s.yaml > scheme s: .*weights in the model's type: say scale: bf16" plan "$tiny" -r s.yaml
recipe "$row" "$whole, scale: f16"
refuse 2 "static inputs in the model's type: say scale: bf16" plan "$tiny" -r s.yaml

# What is given in the type of the model, and what is not given, is the same artifact; other formats store what is given.
recipe "$row" "$token"
run 0 quantize "$tiny" -r s.yaml -o plain
recipe "$row, scale: bf16" "$token, scale: f32"
run 0 quantize "$tiny" -r s.yaml -o given
cmp plain/model.safetensors given/model.safetensors || fail 'a type that is stored anyhow changes bytes'
cmp plain/vq.json given/vq.json || fail 'vq.json does not name what is stored'
run 0 recipe explain s.yaml "$tiny"
out_has 'one bf16 scale for each row'
recipe "$row, scale: f32" "$token, scale: bf16" vq
run 0 quantize "$tiny" -r s.yaml -o own
grep -q 'act: {grid: i8, group: token, scale: bf16' own/vq.json || fail 'format vq does not record the type of the inputs'
run 0 inspect own --json
out_has 'scale f32'

# The recipe of an artifact goes on working, also with the type of another model in it; an override asks again.
run 0 quantize "$tiny" -r plain -o again
cmp plain/vq.json again/vq.json || fail 'the recorded recipe gives other bytes'
run 0 quantize "$tiny" -r own --set output.format=compressed-tensors --set schemes.s.act=$'{grid: i8, group: token}' -o moved
cmp plain/model.safetensors moved/model.safetensors || fail 'another format does not take its own type'
refuse 2 "say scale: bf16" plan "$tiny" -r plain --set schemes.s.weight.scale=f32
# Who loads a mix of schemes: transformers, unless one has zero points, and then not with dequantize=True.
printf 'vq: 1\nname: mix\nextends: int4-g64\nrules:\n  - {match: {layers: 0-1}, use: int8-w8a16}\npasses:\n  - {do: round, method: rtn}\n' >mix.yaml
run 0 quantize "$tiny" -r mix.yaml -o mix
out_has 'loads in vllm, sglang, transformers \(docs'
err_has '^warning: mix.yaml: transformers reads .* with dequantize=True all of them by the first .mixed-schemes.$'
sed 's/extends: int4-g64/extends: gptq-int4/; /^passes/,$d' mix.yaml >zeros.yaml
echo 'passes: [{do: round, method: rtn}]' >>zeros.yaml
run 0 quantize "$tiny" -r zeros.yaml -o zeros
out_has 'loads in vllm, sglang \(docs'
grep -q mixed-schemes err && fail 'warns of what it does not say'
end_checks
