#!/usr/bin/env bash
# Whole-process RTN quantization, vq against llama-quantize, in turn: VQ MODEL LLAMA_BIN GGUF [RUNS]
set -euo pipefail
: "${VQ:?path of vq}" "${MODEL:?Hugging Face folder}" "${LLAMA_BIN:?folder of llama-quantize}" "${GGUF:?the same model as bf16 GGUF}"
runs=${RUNS:-5}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bytes=$(stat -Lc %s "$MODEL"/*.safetensors | awk '{s += $1} END {print s}')

seconds() { # wall seconds of a command, its talk thrown away
    local t0 t1
    t0=$(date +%s.%N)
    "$@" >/dev/null 2>"$tmp/log" || { cat "$tmp/log" >&2; exit 1; }
    t1=$(date +%s.%N)
    awk -v a="$t0" -v b="$t1" 'BEGIN {print b - a}'
}
median() { sort -g | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }

# The peer's NVFP4 has no file type of its own: it is asked for by tensor pattern on top of F16, as only linears are quantized here.
peer() {
    case $1 in
    int4-g64) "$LLAMA_BIN/llama-quantize" --token-embedding-type bf16 --pure "$GGUF" "$tmp/peer.gguf" Q4_0 "$2" ;;
    nvfp4a16) "$LLAMA_BIN/llama-quantize" --tensor-type 'ffn_.*=nvfp4' --tensor-type 'attn_.*=nvfp4' --token-embedding-type bf16 "$GGUF" "$tmp/peer.gguf" BF16 "$2" ;;
    esac
}
ours() { "$VQ" quantize --recipe "$1" --threads "$2" --force -q -o "$tmp/ours" "$MODEL"; }

echo "format,threads,vq_s,llama_s,vq_gb_s,llama_gb_s,ratio"
for format in int4-g64 nvfp4a16; do
    for threads in 1 2; do
        for ((i = 0; i <= runs; i++)); do # the first pair warms the page cache
            a=$(seconds ours "$format" "$threads")
            b=$(seconds peer "$format" "$threads")
            [ "$i" = 0 ] || { echo "$a" >>"$tmp/a"; echo "$b" >>"$tmp/b"; }
        done
        awk -v f="$format" -v t="$threads" -v a="$(median <"$tmp/a")" -v b="$(median <"$tmp/b")" -v n="$bytes" \
            'BEGIN {printf "%s,%d,%.3f,%.3f,%.3f,%.3f,%.2f\n", f, t, a, b, n / a / 1e9, n / b / 1e9, b / a}'
        rm -f "$tmp/a" "$tmp/b"
    done
done
