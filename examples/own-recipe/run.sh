#!/bin/sh
# run.sh [VQ [OUT]] -- a recipe with several schemes: FP8 attention, NVFP4 MLP, the first block with more bits.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vq=${1:-$root/build/release/vq}
out=${2:-$(mktemp -d)}
model=$root/examples/models/tiny-llama
mkdir -p "$out"
[ $# -ge 2 ] || trap 'rm -rf "$out"' EXIT

"$vq" recipe check "$here/recipe.yaml"
"$vq" plan "$model" --recipe "$here/recipe.yaml"
"$vq" quantize "$model" --recipe "$here/recipe.yaml" -o "$out/mixed" --force
"$vq" verify "$out/mixed" --against "$model"
"$vq" eval ppl "$out/mixed" --ref "$model" --data "$model/test.txt" --window 257 --stride 256 --max-windows 8
# One value of a recipe can be changed without another file.
"$vq" quantize "$model" --recipe "$here/recipe.yaml" --set rules.2.use=nvfp4a16 -o "$out/changed" --force
