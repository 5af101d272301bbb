#!/usr/bin/env bash
# vq recipe list|show|check: what is shipped, and mistakes in a recipe with their place and the nearest known word.
. "$2/tests/cli/check.bash"

run 0 recipe list
err_empty
for name in nvfp4-arc nvfp4 nvfp4a16 mxfp4 mxfp4a16 mxfp8 fp8 fp8-block int8 int4-g64 int4-g128 int8-w8a16 gptq-int4 gptq-nvfp4 mr-gptq-mxfp4 awq-int4 smoothquant-int8 arc-gptq best-4bit best-w4a4; do
    run 0 recipe list
    out_has "^  $name +[0-9.]+ +[A-Z]"
    run 0 recipe check $name
    out_has ': ok \('
    run 0 recipe show $name
    cmp -s out "$source_dir/recipes/$name.yaml" || fail "is not the shipped file"
done
run 0 recipe show nvfp4.yaml
out_has '^name: '
run 0 recipe show schemes
out_has '^  nvfp4 +4\.500 +e2m1 block:16'
run 0 recipe show passes
out_has '^  arc +transform'
out_has '^  rtn +round'
run 0 recipe show arc
out_has 'source +arXiv'
out_has '^  option +default \(range\): meaning'
run 0 recipe show learned
out_has '^  tokens +512 \(1\.\.1048576\):'
refuse 2 "did you mean 'nvfp4'" recipe show nvfp
run 0 recipe list --json
one_object
out_has '"schema":"vq.recipe/1".*"ok":true,"exit":0'

cp "$source_dir/recipes/nvfp4-arc.yaml" my.yaml
run 0 recipe check my.yaml
out_has '^(\./)?my.yaml: ok'
run 0 recipe check my
out_has 'my.yaml: ok'
run 0 recipe check my.yaml --set calib.samples=3 -v
out_has 'samples: 3'
run 0 recipe check my.yaml --json
one_object
out_has '"inputs":\[\{"path":"(\./)?my.yaml","sha256":"[0-9a-f]{64}"\}\]'

refuse 2 'calib.sampels.*samples' recipe check my.yaml --set calib.sampels=3
refuse 2 'no-such' recipe check no-such.yaml
refuse 2 "nvfp4-arc" recipe check nvfp4-acr
sed 's/^rules:/ruels:/' my.yaml >typo.yaml
refuse 2 'typo.yaml:[0-9]+:[0-9]+.*ruels.*rules' recipe check typo.yaml
{ cat my.yaml; echo 'rules: []'; } >twice.yaml
refuse 2 'twice.yaml:[0-9]+:[0-9]+' recipe check twice.yaml
printf 'vq: 1\nname: x\nrules: [' >open.yaml
refuse 2 'open.yaml:[0-9]+' recipe check open.yaml
: >empty.yaml
refuse 2 'empty.yaml' recipe check empty.yaml
printf 'vq: 1\nname: &a x\nabout: *a\n' >alias.yaml
refuse 2 'alias.yaml:[0-9]+:[0-9]+' recipe check alias.yaml
head -c 1200000 /dev/zero | tr '\0' ' ' >large.yaml
refuse 2 'large.yaml' recipe check large.yaml
head -c 4096 /dev/urandom >noise.yaml
refuse 2 'noise.yaml' recipe check noise.yaml
mkdir folder.yaml
run 2 recipe check folder.yaml
end_checks
