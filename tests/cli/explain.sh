#!/usr/bin/env bash
# vq recipe explain: rules and passes in words, and what the rules take of a model: as `vq plan` has it.
. "$2/tests/cli/check.bash"
need_model

run 0 recipe explain nvfp4-arc
out_has 'name \* -> nvfp4'
out_has 'weights: 4-bit floats \(e2m1\), one e4m3 scale for each block of 16 and an f32 scale over them, 4\.5 bits in all'
out_has '^  arc: '
out_has 'calibration data +32 samples of 512 tokens that the model writes itself'
out_has '^      inputs: .*, one e4m3 scale for each block of 16 and an f32 scale for each token over them, made anew for each input$'
err_empty
# compared with docs/format-compressed-tensors.md: input_global_scale is stored, one for all tokens.
run 0 recipe explain nvfp4
out_has '^      inputs: .*, made anew for each input, and an f32 scale over them, made once from what calibration saw and stored$'
run 0 recipe explain nvfp4-arc "$tiny"
out_has '28 tensors, 1\.12 MiB -> 324\.1 KiB: model\.layers\.0\.mlp\.down_proj,.* \.\.\.$'
out_has 'nothing of this model'
out_has '1 tensor, .*: model\.embed_tokens$'
out_has 'gathered +range,mean$'
run 0 recipe explain nvfp4-arc "$tiny" --set calib.samples=7 --set passes.arc.max_fraction=0.5
out_has '7 samples of 512'
out_has 'max_fraction=0\.5'
run 0 recipe explain nvfp4 "$tiny" --json
one_object
out_has '"tensors":28,"bytes_before":1179648,'
run 0 recipe explain mxfp4 --json
one_object
out_has '"data":"none"'

# Every shipped recipe has words.
"$vq" recipe list --json | grep -oE '"name":"[^"]*"' | cut -d'"' -f4 >names
while read -r name; do
    run 0 recipe explain "$name"
done <names
[ -s names ] || fail "no recipes"

cat >own.yaml <<'END'
vq: 1
name: own
rules:
  - {match: {name: ["*"]}, use: keep}
  - {match: {role: [attn.*], layers: 1-2}, use: int4-g64-asym}
  - {match: {name: ["*nothing*"]}, use: mxfp4, optional: true}
passes: [{do: round, method: rtn}]
output: {format: compressed-tensors}
END
run 0 recipe explain own.yaml "$tiny"
out_has 'role attn\.\*; layers 1 to 2 -> int4-g64-asym'
out_has '^      8 tensors'
out_has 'each block of 64 with a zero point'
sed -i 's/, optional: true//' own.yaml
refuse 2 'rule 2 \(line 6\)' recipe explain own.yaml "$tiny"
run 0 recipe explain own.yaml
# Of a model stored in F32 the scales are what its artifact stores, and so are the bits.
st_make wide.safetensors '{"model.layers.0.mlp.up_proj.weight":{"dtype":"F32","shape":[64,128],"data_offsets":[0,32768]},"lm_head.weight":{"dtype":"F32","shape":[8,128],"data_offsets":[32768,36864]}}' 36864
run 0 recipe explain int4-g64
out_has 'one bf16 scale for each block of 64, 4\.25 bits in all'
run 0 recipe explain int4-g64 wide.safetensors
out_has 'one f32 scale for each block of 64, 4\.5 bits in all'
run 0 plan wide.safetensors -r int4-g64
out_has 'bits per weight +4\.5'

# A role that no model has is a mistake without any model.
sed 's/attn[.][*]/atn.q/' own.yaml >role.yaml
for command in check explain; do refuse 2 'role.yaml:[0-9]+:[0-9]+: .*unknown role "atn.q"; did you mean "attn.q"' recipe $command role.yaml; done
sed 's/attn[.][*]/"*.bogus"/; s/use: int4-g64-asym/&, optional: true/' own.yaml >role.yaml
refuse 2 'unknown role' recipe check role.yaml

refuse 2 'needs a name' recipe explain
refuse 2 'one argument too many' recipe show nvfp4 more
refuse 3 'nothing' recipe explain nvfp4 nothing
refuse 2 'no-such' recipe explain no-such
end_checks
