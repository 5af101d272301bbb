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
"$vq" eval ppl "$out/model" --ref "$model" --data "$model/test.txt" --data "$model/valid.txt" --window 257 --stride 256 --max-windows 16 --progress none --json >"$out/eval.json"

# Every text must hold. Over the limit counts only beyond twice the standard error: a gate must not fail by chance.
awk -v limit="$limit" '
function value(text, key) { sub(".*\"" key "\":", "", text); return text + 0 }
{
    n = split($0, text, /"data":"/) # before the first text; the texts; "worst"
    for (i = 2; i < n; i++) {
        name = text[i]; sub(/".*/, "", name); sub(/.*\//, "", name)
        kl = value(text[i], "kl"); error = value(text[i], "kl_stderr")
        over = kl > limit + 2 * error
        printf "%s: KL %.4f +- %.4f nats per token, limit %s: %s\n", name, kl, error, limit, over ? "FAIL" : "pass"
        failed += over
    }
    exit n < 3 || failed > 0
}' "$out/eval.json"
