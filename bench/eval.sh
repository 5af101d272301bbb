#!/usr/bin/env bash
# Tokens per second of perplexity on the same windows and threads: vq, transformers (torch fp32), llama.cpp (F16), in turn.
# VQ MODEL TOKENS PYTHON; optional LLAMA_BIN GGUF16 TEXT. The peers' loading time is not counted, vq's is.
set -euo pipefail
: "${VQ:?}" "${MODEL:?}" "${TOKENS:?}" "${PYTHON:?}"
window=2048 windows=8 threads=${THREADS:-2} runs=${RUNS:-3}
here=$(dirname "$0")
tokens=$((window * windows))
median() { sort -g | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }
rate() { awk -v n="$tokens" -v s="$1" 'BEGIN {printf "%.1f", n / s}'; }
ours() { "$VQ" eval ppl "$MODEL" --tokens "$TOKENS" --window $window --max-windows $windows --threads "$threads" --progress none --json |
    sed -n 's/.*"seconds": *\([0-9.]*\).*/\1/p' | head -1; }
torch() { "$PYTHON" "$here/eval_transformers.py" "$MODEL" "$TOKENS" $window $windows "$threads" 2>/dev/null | tail -1 | cut -d, -f1; }
llama() { "$LLAMA_BIN/llama-perplexity" -m "$GGUF16" -f "$TEXT" -c $window -b $window -t "$threads" --chunks $windows 2>&1 |
    sed -n 's/.*: *\([0-9.]*\) seconds per pass.*/\1/p' | awk -v n=$windows '{print $1 * n}'; }
for ((i = 0; i < runs; i++)); do
    ours >>/tmp/vq_bench_a.$$
    torch >>/tmp/vq_bench_b.$$
    [ -z "${LLAMA_BIN:-}" ] || llama >>/tmp/vq_bench_c.$$
done
echo "tool,threads,tokens_per_second"
echo "vq,$threads,$(rate "$(median </tmp/vq_bench_a.$$)")"
echo "transformers,$threads,$(rate "$(median </tmp/vq_bench_b.$$)")"
[ -z "${LLAMA_BIN:-}" ] || echo "llama.cpp,$threads,$(rate "$(median </tmp/vq_bench_c.$$)")"
rm -f /tmp/vq_bench_[abc].$$
