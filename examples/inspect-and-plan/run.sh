#!/bin/sh
# run.sh [VQ [OUT]] -- look before you quantize: what a model is, what a recipe would do to it, what memory it takes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vq=${1:-$root/build/release/vq}
out=${2:-$(mktemp -d)}
model=$root/examples/models/tiny-llama
mkdir -p "$out"
[ $# -ge 2 ] || trap 'rm -rf "$out"' EXIT

"$vq" inspect "$model"
"$vq" recipe list
"$vq" plan "$model" --recipe nvfp4
# A plan that does not fit is an answer, not an error: exit code 1.
code=0
"$vq" plan "$model" --recipe nvfp4 --mem-limit 4M >"$out/plan.txt" 2>&1 || code=$?
[ $code = 1 ] || { echo "exit code $code, not 1"; exit 1; }
"$vq" quantize "$model" --recipe int4-g64 -o "$out/int4" --force --quiet
"$vq" inspect "$out/int4"
