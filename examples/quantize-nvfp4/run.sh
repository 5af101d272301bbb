#!/bin/sh
# run.sh [VQ [OUT]] -- weights and activations in NVFP4 as compressed-tensors, proven and measured.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vq=${1:-$root/build/release/vq}
out=${2:-$(mktemp -d)}
model=$root/examples/models/tiny-llama
mkdir -p "$out"
[ $# -ge 2 ] || trap 'rm -rf "$out"' EXIT

# The scales of the activations need data: a few samples of a text that is not the test text.
"$vq" quantize "$model" --recipe nvfp4 --data "$model/valid.txt" --set calib.samples=8 --set calib.seqlen=128 -o "$out/nvfp4" --force
"$vq" verify "$out/nvfp4" --against "$model"
# The same weights with activations as they are: what the 4-bit activations cost is the difference of the two perplexities.
for how in "" --weights-only; do
    "$vq" eval ppl "$out/nvfp4" --data "$model/test.txt" --window 257 --stride 256 --max-windows 16 $how
done
