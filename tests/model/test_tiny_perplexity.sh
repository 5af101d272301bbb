#!/usr/bin/env bash
# The embedded model: the perplexity that its training script measured, by text and by token ids; what 4-bit activations cost, and ARC's share of it.
. "$2/tests/cli/check.bash"
need_model

# perplexity MODEL ARGS... -- of the whole test text in windows of 256 predictions.
perplexity() {
    run 0 eval ppl "$@" --window 257 --stride 256 --json
    value=$(sed 's/.*"perplexity":\([0-9.e+]*\).*/\1/' out)
}
# within LOW HIGH -- the last perplexity lies there.
within() { awk -v x="$value" -v low="$1" -v high="$2" 'BEGIN {exit !(x >= low && x <= high)}' || fail "perplexity $value is not from $1 to $2"; }

perplexity "$tiny" --data "$tiny/test.txt"
within 2.38852 2.38948 # 2.3890 within 0.02 %
by_text=$value
ids=${VQ_SHARED:+$VQ_SHARED/models/tiny-llama-reference/tiny_test.i32}
if [ -n "$ids" ]; then
    perplexity "$tiny" --tokens "$ids"
    [ "$value" = "$by_text" ] || fail "the text gives $by_text, its token ids $value"
else
    echo "SKIP: token ids of the test text (set VQ_SHARED); the text alone"
fi

for recipe in nvfp4 nvfp4-arc; do run 0 quantize "$tiny" -r $recipe --data "$tiny/valid.txt" -o $recipe; done
perplexity nvfp4 --data "$tiny/test.txt"
within 4 9
perplexity nvfp4 --data "$tiny/test.txt" --weights-only
within 2.39 2.45
perplexity nvfp4-arc --data "$tiny/test.txt"
within 2.39 2.48
end_checks
