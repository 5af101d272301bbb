#!/usr/bin/env bash
# Names of other tools: each to the closest shipped recipe, and said; suggestions by prefix and by meaning; the recipe of an artifact.
. "$2/tests/cli/check.bash"
need_model
plan="plan $tiny/model.safetensors -r"

measured='^  (time|memory|  outside|fits)' # these differ from run to run
# means NAME RECIPE -- and says so.
means() {
    # shellcheck disable=SC2086
    run 0 $plan "$1"
    err_has "^$1 is $2 here"
    cp out by_alias
    # shellcheck disable=SC2086
    run 0 $plan "$2"
    err_empty
    cmp -s <(grep -vE "$measured" out) <(grep -vE "$measured" by_alias) || fail "plans another thing than $1"
}
means W4A16 gptq-int4
means w8a8-int8 int8
means Q8_0 int8-w8a16
means fp8-dynamic fp8
for name in NVFP4 nvfp4A16 MXFP8 Fp8_Block NVFP4-ARC.yaml; do
    run 0 recipe check $name
    err_empty # another spelling of its own name
done
for name in W4A16 W8A8 FP8_DYNAMIC FP8_BLOCK NVFP4A16 MXFP4 W8A16 Q4_K_M Q8_0 IQ4_NL AWQ GPTQ SmoothQuant INT4_AWQ_CFG; do
    run 0 recipe check $name
    grep -qi "^\`\?$name\|| $name\|\`$name\`" "$source_dir/docs/coming-from.md" || fail "docs/coming-from.md lacks $name"
done
refuse 2 'no recipe "W4A8" here; .*gptq-int4' plan m -r W4A8
refuse 2 'no recipe "q6_k" here; .*int8-w8a16' plan m -r q6_k
refuse 2 'did you mean "nvfp4-arc"' plan m -r nvfp4-acr
refuse 2 'closest: best-4bit, best-w4a4' plan m -r best
refuse 2 'closest: smoothquant-int8' plan m -r smooth
refuse 2 'closest: gptq-int4, awq-int4' plan m -r my-w4-recipe
refuse 2 'neither a file nor' plan m -r zzzzzzzzzz

# The recipe that an artifact was made by, on data that the user gave: the same bytes, or an error that says which data.
head -c 6000 "$tiny/train.txt" >text.txt
set="--set calib.samples=2 --set calib.seqlen=32"
# shellcheck disable=SC2086
run 0 quantize "$tiny/model.safetensors" -r nvfp4 $set --data text.txt -o first -q
for recipe in first first/vq.json first/; do
    run 0 quantize "$tiny/model.safetensors" -r $recipe --data text.txt -o second -q
    cmp -s first/vq.json second/vq.json || fail "-r $recipe makes another artifact"
    rm -r second
    refuse 2 'calibrated on text .*--data FILE' plan "$tiny/model.safetensors" -r $recipe
    run 0 plan "$tiny/model.safetensors" -r $recipe --set calib.data=self
done
run 0 recipe check first
out_has 'ok \('
cp -r first changed
sed -i 's/nvfp4/nvfp5/' changed/vq.json
refuse 3 'vq.json was changed' plan "$tiny/model.safetensors" -r changed
refuse 2 'no recipe' plan "$tiny/model.safetensors" -r "$tiny"
end_checks
