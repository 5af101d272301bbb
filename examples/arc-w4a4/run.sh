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
    "$vq" eval ppl "$out/$recipe" --ref "$model" --data "$model/test.txt" --window 257 --stride 256 --max-windows 16 --json >"$out/$recipe.json"
done

# value KEY FILE -- the number of this key that stands last in a JSON result (the first ones may belong to the reference).
value() { sed "s/.*\"$1\":\([-0-9.e+]*\).*/\1/" "$2"; }
echo
printf '%-12s %12s\n' recipe KL
for recipe in nvfp4 nvfp4-arc; do
    printf '%-12s %12.4f\n' $recipe "$(value kl "$out/$recipe.json")"
done
# ARC must at least halve what the activations cost.
awk -v plain="$(value kl "$out/nvfp4.json")" -v arc="$(value kl "$out/nvfp4-arc.json")" 'BEGIN {exit !(arc < plain / 2)}'
