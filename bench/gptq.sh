#!/usr/bin/env bash
# GPTQ of a whole model with NVFP4 weights and inputs: vq and llm-compressor in turn, same folder, samples and threads, from reading the model
# to the saved artifact. VQ MODEL TOKENS PYTHON (with llmcompressor); optional SAMPLES LENGTH THREADS RUNS RECIPE.
# LEARN=RECIPE compares a recipe with the rounder learned (INT4 in groups of 64 with zero points) with AutoRound (PYTHON with auto_round),
# ITERATIONS steps, BLOCKS blocks of it (0: all).
set -euo pipefail
: "${VQ:?}" "${MODEL:?}" "${TOKENS:?}" "${PYTHON:?}"
here=$(dirname "$0")
samples=${SAMPLES:-64} length=${LENGTH:-512} threads=${THREADS:-2} runs=${RUNS:-1} blocks=${BLOCKS:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
median() { sort -g | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }

ours() { # recipe, table
    /usr/bin/time -f "%e %U %S %M" -o "$work/time" "$VQ" quantize "$MODEL" -r "$1" --tokens "$TOKENS" -o "$work/vq" --force \
        --set "calib.samples=$samples" --set "calib.seqlen=$length" --threads "$threads" --progress none --quiet >/dev/null
    awk '{printf "%.2f,%.2f,%.0f\n", $1, $2 + $3, $4 / 1024}' "$work/time" >>"$work/$2"
}
peer() { # name, table; the rest to the script
    "$PYTHON" "$here/gptq_peer.py" "$1" "$MODEL" "$TOKENS" "$work/peer" "$samples" "$length" "$threads" "${@:3}" 2>"$work/log" |
        tail -1 >>"$work/$2" || { cat "$work/log" >&2; exit 1; }
}
row() { # name, table, blocks that the peer's seconds are for
    local wall cpu mb
    wall=$(cut -d, -f1 "$work/$2" | median) cpu=$(cut -d, -f2 "$work/$2" | median) mb=$(cut -d, -f3 "$work/$2" | median)
    echo "$1,$threads,$samples,$length,$3,$wall,$cpu,$mb"
}
ratio() { awk -F, -v layers="$2" 'NR == 1 {w = $6; c = $7; m = $8} NR == 2 {
    per = $5 && layers ? layers / $5 : 1; printf "ratio,,,,,%.2f,%.2f,%.2f\n", $6 * per / w, $7 * per / c, $8 / m}' "$1"; }

layers=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["num_hidden_layers"])' "$MODEL/config.json")
if [ -n "${LEARN:-}" ]; then
    for ((i = 0; i < runs; i++)); do
        ours "$LEARN" a
        peer auto-round b "${ITERATIONS:-50}" "$blocks"
    done
else
    sed '/do: smooth/d; s/, descent: [0-9]*//' "$here/../recipes/gptq-nvfp4.yaml" >"$work/recipe.yaml"
    for ((i = 0; i < runs; i++)); do
        ours "${RECIPE:-$work/recipe.yaml}" a
        peer llm-compressor b
    done
fi
echo "tool,threads,samples,length,blocks,wall_s,cpu_s,peak_rss_mb"
{
    row vq a "$layers"
    row "$([ -n "${LEARN:-}" ] && echo auto-round || echo llm-compressor)" b "$(tail -1 "$work/b" | cut -d, -f4)"
} | tee "$work/rows"
ratio "$work/rows" "$layers"
