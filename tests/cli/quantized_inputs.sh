#!/usr/bin/env bash
# quantized_inputs.sh -- what is quantized already as input: decoded, said, written anew (the weights themselves: tests/unit/load/test_dequantized.c).
source "$(dirname "$0")/check.bash"
made=$source_dir/tests/quantized
cat >seven.yaml <<'Y'
vq: 1
name: seven
schemes: {s: {weight: {grid: i7, group: block:32, scale: f32}}}
rules: [{match: {name: ["*"]}, use: keep}, {match: {name: ["model.layers.*"]}, use: s}]
passes: [{do: round, method: rtn}]
output: {format: vq}
Y
for folder in "$made"/*/; do
    name=$(basename "$folder")
    [ "$name" = mxfp4-experts ] && continue
    run 0 quantize "$folder" -r seven.yaml -o "$name"
    err_has '1 weights are dequantized'
    [ "$(grep -c 'dequantized' err)" = 1 ] || fail "says it more than once"
    grep -A2 '"dequantized"' "$name/vq.json" | grep -q '"weights": 1' || fail "vq.json does not say it"
    grep -q '"quant_method": "vq"' "$name/config.json" || fail "config.json does not say the new method"
    run 0 verify "$name" --against "$folder"
done
# A stack of experts alone leaves nothing to quantize, in the plan as in the run.
refuse 2 'every tensor of this model is kept|decides no tensor' plan "$made/mxfp4-experts" -r seven.yaml
refuse 2 'every tensor of this model is kept|decides no tensor' quantize "$made/mxfp4-experts" -r seven.yaml
# Of another type, or alone, its parts are no weights to hand on.
mkdir odd
cp "$made/mxfp4-experts/"*.json odd/
st_edit "$made/mxfp4-experts/model.safetensors" odd/model.safetensors 's/_blocks":{"dtype":"U8/_blocks":{"dtype":"I8/'
refuse 3 '_blocks is I8 .*U8' quantize odd -r seven.yaml -o result
st_edit "$made/mxfp4-experts/model.safetensors" odd/model.safetensors 's/_blocks"/_others"/'
refuse 3 '_scales stands without its _blocks' quantize odd -r seven.yaml -o result

# Of vq's own artifacts the residual columns, orders and rotations are undone: what is written in 16 bits computes what the artifact does.
need_model
cat >wide.yaml <<'Y'
vq: 1
name: wide
schemes: {s: {weight: {grid: e5m10, group: channel, scale: f32}}}
rules: [{match: {role: ["*"]}, use: keep}, {match: {role: ["attn.*", "mlp.*"]}, use: s}]
passes: [{do: round, method: rtn}]
output: {format: vq}
Y
ppl() {
    run 0 eval ppl "$@" --data "$tiny/test.txt" --window 64 --max-windows 4 --json
    grep -oE '"nll":[0-9.]+' out | head -1 | cut -d: -f2
}
for recipe in nvfp4-arc mr-gptq-mxfp4; do
    run 0 quantize "$tiny" -r $recipe --data "$tiny/train.txt" --set calib.samples=2 --set calib.seqlen=64 --set output.format=vq -o $recipe
    run 0 quantize $recipe -r wide.yaml -o $recipe-wide
    a=$(ppl $recipe --weights-only) b=$(ppl $recipe-wide)
    awk -v a="$a" -v b="$b" 'BEGIN { d = a - b; exit !(a > 0 && d < 2e-4 && d > -2e-4) }' || fail "$recipe: nll $a, and $b of its dequantized weights"
done
end_checks
