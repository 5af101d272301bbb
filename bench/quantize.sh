#!/usr/bin/env bash
# RTN quantization, vq against llama-quantize, in turn, whole process and rounding stage: VQ MODEL LLAMA_BIN GGUF [RUNS]
# The stage is what both do: read, round, pack, write (vq: phase "round"; the peer: its own "quantize time"). The whole process of vq also
# hashes input and output and reads everything back. Both write to TMPDIR; a memory file system keeps the disk out of it.
set -euo pipefail
: "${VQ:?path of vq}" "${MODEL:?Hugging Face folder}" "${LLAMA_BIN:?folder of llama-quantize}" "${GGUF:?the same model as bf16 GGUF}"
runs=${RUNS:-5}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bytes=$(stat -Lc %s "$MODEL"/*.safetensors | awk '{s += $1} END {print s}')

seconds() { # wall seconds of a command; what it says goes to a log
    local t0 t1
    t0=$(date +%s.%N)
    "$@" >"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; exit 1; }
    t1=$(date +%s.%N)
    awk -v a="$t0" -v b="$t1" 'BEGIN {print b - a}'
}
median() { sort -g "$1" | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }

# Only linears are quantized by both. The peer's NVFP4 has no file type of its own: tensor patterns ask for it.
peer() {
    case $1 in
    int4-g64) "$LLAMA_BIN/llama-quantize" --token-embedding-type bf16 --pure "$GGUF" "$tmp/peer.gguf" Q4_0 "$2" ;;
    nvfp4a16) "$LLAMA_BIN/llama-quantize" --token-embedding-type bf16 --tensor-type 'ffn_.*=nvfp4' --tensor-type 'attn_.*=nvfp4' "$GGUF" "$tmp/peer.gguf" Q8_0 "$2" ;;
    esac
}
ours() { "$VQ" quantize --recipe "$1" --threads "$2" --force --progress none ${3:-} -o "$tmp/ours" "$MODEL"; }

echo "format,threads,what,vq_s,peer_s,vq_gb_s,peer_gb_s,ratio"
for format in int4-g64 nvfp4a16; do
    for threads in 1 2; do
        for ((i = 0; i <= runs; i++)); do # the first round warms the page cache
            a=$(seconds ours "$format" "$threads" -q)
            b=$(seconds peer "$format" "$threads")
            bs=$(sed -n 's/.*quantize time = *\([0-9.]*\) ms.*/\1/p' "$tmp/log" | awk '{print $1 / 1000}')
            ours "$format" "$threads" --json >"$tmp/json" 2>/dev/null
            as=$(sed -n 's/.*"round": *\([0-9.e-]*\).*/\1/p' "$tmp/json")
            [ "$i" = 0 ] && continue
            echo "$a" >>"$tmp/process.a" && echo "$b" >>"$tmp/process.b" && echo "$as" >>"$tmp/stage.a" && echo "$bs" >>"$tmp/stage.b"
        done
        for what in stage process; do
            awk -v f="$format" -v t="$threads" -v w="$what" -v a="$(median "$tmp/$what.a")" -v b="$(median "$tmp/$what.b")" -v n="$bytes" \
                'BEGIN {printf "%s,%d,%s,%.3f,%.3f,%.3f,%.3f,%.2f\n", f, t, w, a, b, n / a / 1e9, n / b / 1e9, b / a}'
        done
        rm -f "$tmp"/{process,stage}.[ab]
    done
done
