#!/bin/sh
# run.sh [VQ [OUT]] -- NVFP4 against NVFP4 with augmented residual channels (ARC), both with 4-bit activations.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vq=${1:-$root/build/release/vq}
out=${2:-$(mktemp -d)}
model=$root/examples/models/tiny-llama
mkdir -p "$out"
[ $# -ge 2 ] || trap 'rm -rf "$out"' EXIT

for recipe in nvfp4 nvfp4-arc; do
    "$vq" quantize "$model" --recipe $recipe --data "$model/valid.txt" --set calib.samples=8 --set calib.seqlen=256 -o "$out/$recipe" --force
    "$vq" verify "$out/$recipe"
done
# Both in one run: the reference computes every window once.
"$vq" eval ppl "$out/nvfp4" "$out/nvfp4-arc" --ref "$model" --data "$model/test.txt" --window 257 --stride 256 --max-windows 16 --json >"$out/eval.json"

# kl RECIPE -- of what stands from the model of this name to the next.
kl() { sed "s|.*\"model\":\"[^\"]*/$1\"||; s|\"model\":.*||; s|.*\"kl\":\([-0-9.e+]*\).*|\1|" "$out/eval.json"; }
echo
printf '%-12s %12s\n' recipe KL
for recipe in nvfp4 nvfp4-arc; do
    printf '%-12s %12.4f\n' $recipe "$(kl $recipe)"
done
# ARC must at least halve what the activations cost.
awk -v plain="$(kl nvfp4)" -v arc="$(kl nvfp4-arc)" 'BEGIN {exit !(arc < plain / 2)}'
