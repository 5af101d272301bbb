#!/bin/sh
# artifact_hashes.sh VQ [SMOLLM2] -- sha256 of every file of every artifact that the shipped recipes make of small models: what a change that
# should change no bytes is held against. Golden bases come from $VQ_SHARED; SMOLLM2 is the folder of the real model, with wikitext2-valid.i32.
set -eu
vq=$1
real=${2:-}
here=$(cd "$(dirname "$0")/.." && pwd)
tiny=$here/examples/models/tiny-llama
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# one LABEL MODEL RECIPE [ARGUMENT...]: a line per file of the artifact, or the refusal
one() {
    label=$1 model=$2 recipe=$3
    shift 3
    rm -rf "$work/out"
    if "$vq" quantize --recipe "$recipe" -o "$work/out" "$@" "$model" >"$work/log" 2>&1; then
        (cd "$work/out" && find . -type f | sort | xargs sha256sum) | sed "s|^|$label $recipe |"
    else
        echo "$label $recipe refused"
    fi
}

names=$(cd "$here/recipes" && ls | sed 's/\.yaml$//')
for recipe in $names; do
    case $recipe in
    *gptq* | best-* | awq-* | smoothquant-* | nvfp4 | nvfp4-arc)
        one tiny-llama "$tiny" "$recipe" --data "$tiny/valid.txt" --set calib.samples=16 --set calib.seqlen=128 ;;
    *) one tiny-llama "$tiny" "$recipe" ;;
    esac
done
for base in llama llama256 qwen3; do
    folder=${VQ_SHARED:-/nowhere}/golden/file-formats/$base/base
    [ -d "$folder" ] || continue
    for recipe in nvfp4a16 mxfp4 mxfp8 fp8 int8 int4-g64 int4-g128; do one "$base" "$folder" "$recipe"; done
    for recipe in nvfp4 nvfp4-arc gptq-nvfp4 awq-int4; do one "$base" "$folder" "$recipe" --set calib.data=self --set calib.samples=8 --set calib.seqlen=64; done
done
[ -n "$real" ] || exit 0
for recipe in gptq-nvfp4 nvfp4-arc; do one smollm2 "$real" "$recipe" --tokens "$real/wikitext2-valid.i32"; done
