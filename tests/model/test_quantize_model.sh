#!/usr/bin/env bash
# The small reference models through every kind of storage: quantize, verify, run; the same bytes for one and two threads.
root=${VQ_GOLDEN:-${VQ_SHARED:+$VQ_SHARED/golden}}
folders=${root:-none}/file-formats
[ -n "$root" ] || { echo "SKIP: no reference models file-formats/*/base (set VQ_SHARED or VQ_GOLDEN)"; exit 77; }
[ -s "$folders/llama/base/model.safetensors" ] || { echo "FAIL: $folders/llama/base is missing or empty, and its root is named"; exit 1; }
. "$2/tests/cli/check.bash"

# built FAMILY NAME ARGS... -- quantize twice, compare, verify, run it with its activations quantized.
built() {
    local family=$1 base=$folders/$1/base name=$1.$2 threads
    shift 2
    for threads in 1 2; do run 0 quantize "$base" "$@" -o "$name.$threads" --threads $threads; done
    [ "$(sha256sum <"$name.1/model.safetensors")" = "$(sha256sum <"$name.2/model.safetensors")" ] || fail "weights depend on the number of threads"
    cmp -s "$name.1/vq.json" "$name.2/vq.json" || fail "vq.json depends on the number of threads"
    run 0 verify "$name.1" --against "$base"
    out_has 'verdict +yes'
    run 0 eval ppl "$name.1" --ref "$base" --data "$folders/$family/text_eval.txt" --window 64 --max-windows 4 --threads 1 --json
    one_object
    # 4 bits lose something, 8 bits nearly nothing; nothing may lose what a broken layout loses.
    awk -v kl="$(sed 's/.*"kl":\([-0-9.e+]*\).*/\1/' out)" 'BEGIN {exit !(kl > 0 && kl < 0.1)}' || fail "KL $(sed 's/.*"kl":\([^,]*\),.*/\1/' out)"
}
for family in llama qwen3; do
    [ -d "$folders/$family/base" ] || continue
    built $family nvfp4 -r nvfp4 --data "$folders/$family/text_calib.txt" --set calib.samples=8 --set calib.seqlen=128
    for recipe in nvfp4a16 mxfp4 mxfp8 int8 int8-w8a16 fp8 fp8-block; do built $family $recipe -r $recipe; done
    for scheme in int4-g32 int4-g32-asym; do built $family $scheme -r int4-g64 --set rules.0.use=$scheme; done
done
end_checks
