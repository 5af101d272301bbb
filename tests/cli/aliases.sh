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
# What the last column of the page calls none has a suggestion, and who runs best-4bit is said.
for name in W4A8 W4AFP8 W3A16 W2A16 W4A8_AWQ NVFP4_AWQ Q5_0 Q5_1 Q5_K_S Q5_K_M Q6_K Q3_K_S Q3_K_M Q3_K_L Q2_K int3 fp4; do
    refuse 2 "no recipe \"$name\" here; " plan m -r $name
    ! grep -q best-4bit err || err_has 'vq alone runs'
done
err_has 'nvfp4 or mxfp4'
for name in AWQModifier GPTQModifier SmoothQuantModifier; do run 0 recipe check $name; done
refuse 2 'no recipe "W4A8" here; .*gptq-int4' plan m -r W4A8
refuse 2 'no recipe "q6_k" here; .*int8-w8a16' plan m -r q6_k
refuse 2 'no recipe "auto-round" here; .*vq recipe show learned' plan m -r auto-round
refuse 2 'no recipe "bitsandbytes" here; .*int4-g64' plan m -r bitsandbytes
means w4a16_g128 int4-g128
# Options of other tools: what to do here instead, never a near spelling that means something else.
foreign() { refuse 2 "no option --${2%% *} here: .*$1" quantize m -r awq --$2; }
foreign 'use: keep' 'ignore lm_head'
foreign 'vq plan' dry-run
foreign 'vq recipe list' 'bits 4'
foreign 'vq recipe list' 'scheme W4A16'
foreign 'rules.0.use=int4-g128, with zero points int4-g128-asym' 'group_size 128'
foreign 'rules.0.use=int4-g32,' group-size
foreign 'calib.samples=512$' 'num_calibration_samples 512'
foreign 'calib.samples=64$' nsamples
foreign '-r W4A16,' 'scheme W4A16'
foreign 'calib.seqlen=' 'seqlen 512'
foreign 'output.format.*no GGUF.*converter takes .*nvfp4a16' 'format gguf'
foreign 'on the processor' 'device cuda:0'
foreign 'first argument' 'model m'
foreign '-o names' 'output_dir out'
foreign '--data takes' 'dataset wikitext2'
# shellcheck disable=SC2086
run 0 $plan gptq-int4 --set rules.0.use=int4-g32
refuse 2 'no recipe "int4-g32": it is a scheme, .*: -r int4-g64 --set rules.0.use=int4-g32$' plan m -r int4-g32
# A name that is a pass and, for -r, a recipe: both are said; of a recipe and a scheme too.
run 0 recipe show awq
out_has '^  awq +transform: '
err_has '^awq is a pass; -r awq takes the recipe awq-int4: .*vq recipe show awq-int4$'
run 0 recipe show nvfp4
err_has '^nvfp4 is a recipe, and the scheme that it uses: .*vq recipe show schemes'
run 0 recipe show gptq-int4
err_empty
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
sha=$(sha256sum text.txt | cut -c1-12)
# shellcheck disable=SC2086
run 0 quantize "$tiny/model.safetensors" -r nvfp4 $set --data text.txt --data self -o mixed -q
refuse 2 "calibrated on 32 tokens of text \(sha256 $sha\.\.\.\), 32 tokens of self: give them again" plan "$tiny/model.safetensors" -r mixed
# What a recipe without samples cannot use is said.
run 0 plan "$tiny/model.safetensors" -r nvfp4a16 --set calib.samples=64
err_has '^warning: calib.samples=64: .* \[data-unused\]$'
run 0 plan "$tiny/model.safetensors" -r nvfp4a16 --seed 3
err_empty
run 0 recipe check first
out_has 'ok \('
cp -r first changed
sed -i 's/nvfp4/nvfp5/' changed/vq.json
refuse 3 'vq.json was changed' plan "$tiny/model.safetensors" -r changed
refuse 2 'no recipe' plan "$tiny/model.safetensors" -r "$tiny"
end_checks
