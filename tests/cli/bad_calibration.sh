#!/usr/bin/env bash
# What calibration and the passes cannot work with: numbers that are no numbers, statistics of something else, a full disk, a resume with
# anything changed. One line says what and where; what was finished stays and is used.
. "$2/tests/cli/check.bash"
need_model
few="--set calib.samples=4 --set calib.seqlen=64"
common="--data $tiny/valid.txt $few"

# Groups that do not divide the inputs: the sizes that do.
refuse 2 'mlp.down_proj > blocks of 96 do not divide the 256 input channels; block sizes that do: 8, 16, 32, 64, 128, 256; 27 more weights are so: --set rules.0.use=int4-g128 divides all, or give another scheme, or keep them$' \
    plan "$tiny" -r int4-g64 --set rules.0.use=int4-g96

# Activations that are not finite: the weight that is the cause, the layer and the sample, in the sweep forwards and in the one for gradients. Token 500 is in sample 3 only.
copy_model hot
poke hot/model.safetensors $(($(st_offset hot/model.safetensors model.embed_tokens.weight) + 500 * 256)) '\x80\x7f'
for i in $(seq 0 255); do
    if [ "$i" = 200 ]; then printf '\xf4\x01\0\0'; else printf '\x0a\0\0\0'; fi
done >hot.i32
for recipe in smoothquant-int8 gptq-int4 awq-int4; do
    refuse 3 'embed_tokens.weight\[500\]\[0\] is infinite.*layer 0 > .*sample 3' quantize hot -r $recipe --tokens hot.i32 $few -o none
    absent none
done

# Statistics of another model, and such that lack what the recipe needs.
run 0 calibrate "$tiny" -r arc-gptq $common -o made.vqs
copy_model other
poke other/model.safetensors "$(st_offset other/model.safetensors model.layers.1.mlp.up_proj.weight)" '\x11\x11'
refuse 3 'made.vqs: made from another model' quantize other -r arc-gptq $few --stats made.vqs -o none
refuse 3 'made.vqs.* hessian' quantize "$tiny" -r gptq-int4 --set passes.gptq.curvature=input $few --stats made.vqs -o none
refuse 3 'none.vqs: no such file' quantize "$tiny" -r arc-gptq $few --stats none.vqs -o none
absent none

# Too few tokens for a Hessian of full rank, and channels that are always zero: rounded all the same, and finite.
copy_model deaf
poke deaf/model.safetensors "$(st_offset deaf/model.safetensors model.layers.0.input_layernorm.weight)" '\0\0\0\0\0\0'
run 0 quantize deaf -r gptq-int4 --data "$tiny/valid.txt" --set calib.samples=1 --set calib.seqlen=16 --set passes.gptq.curvature=input -o deaf-4
run 0 verify deaf-4

# A full disk (a limit on the size of files stands in) in the end: the blocks that were finished are continued with, to the same bytes.
common="-r smoothquant-int8 --data $tiny/valid.txt $few"
run 0 quantize "$tiny" $common -o whole
(
    ulimit -f 300
    "$vq" quantize "$tiny" $common -o full >out 2>err
    echo $? >code
)
last_args="quantize with a full disk"
[ "$(cat code)" = 4 ] || fail "exit code $(cat code), not 4"
err_has 'full.run/.*a file of [0-9]+ bytes may not be written here.*ulimit -f'
[ -e full.run/part-0003 ] && [ ! -e full ] || fail "the finished blocks are lost"

# A resume with anything changed is refused by the name of what changed.
resume() { refuse 2 "the stopped run had another $1" quantize "${@:2}" -o full --resume; }
cp "$tiny/valid.txt" valid.txt
resume model other $common
resume recipe "$tiny" $common --set calib.propagate=quantized
resume recipe "$tiny" $common --set passes.smooth.strength=0.6
resume recipe "$tiny" $common --seed 3
resume data "$tiny" -r smoothquant-int8 $few --data "$tiny/test.txt"
run 0 calibrate "$tiny" $common -o own.vqs
resume 'data|statistics' "$tiny" -r smoothquant-int8 $few --stats own.vqs
cp -r full.run kept.run
printf x >>full.run/part-0001/model.safetensors
refuse 3 'part-0001/model.safetensors was changed after the run stopped' quantize "$tiny" $common -o full --resume
rm -r full.run && mv kept.run full.run
run 0 quantize "$tiny" -r smoothquant-int8 --data valid.txt $few -o full --resume
diff -r whole full || fail "another artifact than from the undisturbed run"
end_checks
