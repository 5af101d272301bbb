#!/bin/sh
# demo.sh -- the main job on the embedded example: install what is missing, build, quantize a small language model two ways,
# measure it before and after, and say where everything is.
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh
export OMP_WAIT_POLICY=passive # threads that wait do not spin: kinder to a machine that does other things too
[ -t 2 ] || export VQ_PROGRESS=none
mkdir -p build
echo "building (log: build/demo.log)"
{
    cmake --preset release -DVQ_TESTS=OFF
    cmake --build --preset release -j "$(nproc)" --target vq
} >build/demo.log 2>&1 || { tail -30 build/demo.log; exit 1; }

vq=build/release/vq
model=examples/models/tiny-llama
out=build/demo
protocol="--data $model/test.txt --window 257 --stride 256"
mkdir -p $out

# say COMMAND... -- show a command and run it.
say() {
    echo
    echo "\$ $*"
    "$@"
}
# value KEY FILE -- a number of a JSON result.
value() { sed "s/.*\"$1\":\\([-0-9.e+]*\\).*/\\1/" "$2"; }

say $vq version
for recipe in nvfp4-arc nvfp4; do
    say $vq quantize --recipe $recipe.yaml $model/model.safetensors --data $model/train.txt -o $out/tiny-llama.$recipe --force >$out/$recipe.txt
    cat $out/$recipe.txt
    say $vq verify $out/tiny-llama.$recipe
done
# shellcheck disable=SC2086
say $vq eval ppl $out/tiny-llama.nvfp4-arc --ref $model $protocol

for name in model nvfp4-arc nvfp4; do
    path=$out/tiny-llama.$name
    [ $name = model ] && path=$model
    # shellcheck disable=SC2086
    $vq eval ppl "$path" $protocol --json --progress none >$out/$name.json
done
echo
printf '%-28s %10s %16s %12s\n' "tiny-llama (656,512 weights)" "KiB" "bits per weight" "perplexity"
for name in model nvfp4-arc nvfp4; do
    path=$out/tiny-llama.$name/model.safetensors
    bits=16
    if [ $name = model ]; then
        path=$model/model.safetensors
    else
        bits=$(sed -n 's/^  bits per weight *\([0-9.]*\).*/\1/p' $out/$name.txt)
    fi
    printf '%-28s %10s %16.2f %12.3f\n' "$name" $(($(wc -c <"$path") / 1024)) "$bits" "$(value perplexity $out/$name.json)"
done
echo
echo "quantized models: $out/tiny-llama.nvfp4-arc and $out/tiny-llama.nvfp4; the program: $vq; its help: $vq help"
