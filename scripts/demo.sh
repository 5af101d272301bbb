#!/bin/sh
# demo.sh -- what quantizing costs, on the embedded model: install what is missing, build, quantize a small language model several ways, and show
# size, perplexity and a sentence of each. Under 40 lines.
set -eu
started=$(pwd)
cd "$(dirname "$0")/.."
sh scripts/packages.sh
export OMP_WAIT_POLICY=passive # threads that wait do not spin: kinder to a machine that does other things too
export VQ_PROGRESS=none
mkdir -p build
log=build/demo.log
here=$(pwd)/
[ "$started/" != "$here" ] || here=""
vq=build/release/vq
model=examples/models/tiny-llama
out=build/demo
mkdir -p $out

build() {
    cmake --preset release -DVQ_TESTS=OFF && cmake --build --preset release -j "$(nproc)" --target vq
}
# watched COMMAND -- runs it, its output in the log; one line says how far it is. The log is shown when it fails.
watched() {
    "$@" >$log 2>&1 &
    job=$!
    while [ -t 1 ] && kill -0 $job 2>/dev/null; do
        printf '\rbuilding %s ' "$(grep -o '^\[ *[0-9]*%\]' $log 2>/dev/null | tail -1)"
        sleep 1
    done
    [ -t 1 ] && printf '\r\033[K'
    wait $job || { tail -30 $log; echo "building failed; the whole log: $log"; exit 1; }
}
# value KEY FILE -- a number of a JSON result.
value() { sed "s/.*\"$1\":\\([-0-9.e+]*\\).*/\\1/" "$2"; }
# perplexity FOLDER
perplexity() {
    $vq eval ppl "$1" --data $model/test.txt --window 257 --stride 256 --json -q >$out/eval.json
    value perplexity $out/eval.json
}
sentence() {
    $vq generate "$1" --prompt '"Have you been to Draloth?" asked' --max-tokens 20 --temperature 0 -q 2>>$log |
        tr '\n' ' ' | tr -cd '[:print:]' | cut -c 1-30
}

[ -t 1 ] || echo "building (log: $log)"
watched build
echo "$($vq version); model: $model, 656,512 weights,"
echo "with some channels 20 to 60 times as loud as others, as large models have them"
echo
printf '%-11s %-13s %5s %5s %10s  %s\n' recipe "weights,inputs" bits KiB perplexity '"Have you been to D.?" asked'
printf '%-11s %-14s %5.2f %5d %10.3f %s\n' "" "as trained" 16 $(($(wc -c <$model/model.safetensors) / 1024)) "$(perplexity $model)" "$(sentence $model)"
# row RECIPE WHAT
row() {
    $vq quantize $model/model.safetensors -r "$1" --data $model/train.txt -o "$out/tiny-llama.$1" --force --json -q >$out/quantize.json 2>>$log
    printf '%-11s %-14s %5.2f %5d %10.3f %s\n' "$1" "$2" "$(value bits_per_weight $out/quantize.json)" \
        $(($(wc -c <"$out/tiny-llama.$1/model.safetensors") / 1024)) "$(perplexity "$out/tiny-llama.$1")" "$(sentence "$out/tiny-llama.$1")"
}
row int8-w8a16 "INT8, 16 bits"
row nvfp4a16 "NVFP4, 16 bits"
row nvfp4 "NVFP4, NVFP4"
row mxfp4 "MXFP4, MXFP4"
row nvfp4-arc "NVFP4+residual"
cat <<END

Weights of 4 bits cost little. Inputs of 4 bits cost everything where a loud
channel sets the scale of its block: its neighbours are lost, more so with the
coarse scales of mxfp4. nvfp4-arc gives loud channels a second, residual column.

Next, as they stand:
  ${here}$vq recipe list
  ${here}$vq plan ${here}$model -r gptq-int4
  ${here}$vq verify ${here}$out/tiny-llama.nvfp4-arc
  ${here}$vq generate ${here}$out/tiny-llama.nvfp4-arc --prompt "There are 10 geese"
To have vq as a command in ~/.local/bin:
  cmake --install ${here}build/release --prefix ~/.local
END
