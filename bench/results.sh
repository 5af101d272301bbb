#!/usr/bin/env bash
# The quality tables of docs/results.md: every recipe on one model, paired with the original. VQ MODEL TOKENS (int32 ids to evaluate) CALIB (ids)
# [RECIPES: names or files] [SETS: "key=value ..."]
set -euo pipefail
: "${VQ:?}" "${MODEL:?}" "${TOKENS:?}" "${CALIB:?}"
window=${WINDOW:-2048} stride=${STRIDE:-$window} windows=${WINDOWS:-8} threads=${THREADS:-2} out=${OUT:-/tmp/vq-results}
recipes=${RECIPES:-nvfp4a16 nvfp4 nvfp4-arc mxfp4a16 mxfp4 mxfp8 fp8 fp8-block int8 int8-w8a16 int4-g64 gptq-int4 gptq-nvfp4 awq-int4 smoothquant-int8 mr-gptq-mxfp4 arc-gptq best-4bit best-w4a4}
sets=()
for s in ${SETS:-}; do sets+=(--set "$s"); done
mkdir -p "$out"
echo "recipe,bits,bytes,perplexity,delta_nll,delta_nll_stderr,kl,kl_stderr,top1_agreement,quantize_s,eval_tokens_s"
for recipe in $recipes; do
    r=$(basename "$recipe" .yaml)
    "$VQ" quantize --recipe "$recipe" --tokens "$CALIB" "${sets[@]}" --threads "$threads" --force --progress none --json -o "$out/$r" "$MODEL" \
        >"$out/$r.quantize.json" 2>"$out/$r.log" || { tail -1 "$out/$r.log" >&2; continue; }
    "$VQ" eval ppl "$out/$r" --ref "$MODEL" --tokens "$TOKENS" --window "$window" --stride "$stride" --max-windows "$windows" --threads "$threads" \
        --progress none --json >"$out/$r.eval.json"
    python3 - "$r" "$out" <<'P'
import json, sys
r, out = sys.argv[1:]
q = json.load(open(f"{out}/{r}.quantize.json"))["result"]
e = json.load(open(f"{out}/{r}.eval.json"))["result"]
print(f'{r},{q["bits_per_weight"]:.3f},{q["bytes_out"]},{e["perplexity"]:.4f},{e["delta_nll"]:.5f},{e["delta_nll_stderr"]:.5f},'
      f'{e["kl"]:.5f},{e["kl_stderr"]:.5f},{e["top1_agreement"]:.4f},{q["seconds"]:.2f},{e["tokens_per_second"]:.0f}')
P
done
