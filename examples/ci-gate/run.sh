#!/bin/sh
# run.sh [VQ [OUT]] -- quantize, prove, compare with the original, fail when the drift is over a limit; no Python, no jq.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
vq=${1:-$root/build/release/vq}
out=${2:-$(mktemp -d)}
model=$root/examples/models/tiny-llama
mkdir -p "$out"
[ $# -ge 2 ] || trap 'rm -rf "$out"' EXIT
limit=${LIMIT:-0.08} # largest Kullback-Leibler divergence per token, in nats

"$vq" quantize "$model" --recipe nvfp4a16 -o "$out/model" --force --progress none
"$vq" verify "$out/model" --against "$model" --quiet
"$vq" eval ppl "$out/model" --ref "$model" --data "$model/test.txt" --window 257 --stride 256 --max-windows 16 --progress none --json >"$out/eval.json"

# value KEY -- the number of a key of the result.
value() { sed "s/.*\"$1\":\([-0-9.e+]*\).*/\1/" "$out/eval.json"; }
# Over the limit counts only beyond twice the standard error: a gate must not fail by chance.
awk -v kl="$(value kl)" -v error="$(value kl_stderr)" -v limit="$limit" 'BEGIN {
    over = kl > limit + 2 * error
    printf "KL %.4f +- %.4f nats per token, limit %s: %s\n", kl, error, limit, over ? "FAIL" : "pass"
    exit over
}'
