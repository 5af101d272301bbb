#!/usr/bin/env bash
# How far apart the sources of a mix lie: what calibrate says of text, more text of the same kind, digits, and the model's own text.
. "$2/tests/cli/check.bash"
need_model
cp "$tiny/train.txt" a.txt
cp "$tiny/valid.txt" b.txt
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%d ", (i * 7919 + 13) % 99991 }' >digits.txt

# sweep SAMPLES ARGS... -- statistics of these sources in s.vqs, the result in out.
sweep() {
    local samples=$1
    shift
    run 0 calibrate "$tiny" -r nvfp4-arc --set calib.seqlen=128 --set "calib.samples=$samples" -o s.vqs --force "$@"
}
# coverage FILE -- that part of a JSON result; it is the last.
coverage() { grep -o '"coverage":.*' "$1"; }

sweep 12 --data a.txt --data digits.txt
out_has '^  samples +angle +halves +farthest +alone +source$'
out_has '^ +6 +[3-8][0-9]\.[0-9] +[0-9.]+ +[5-9][0-9]\.[0-9] +[0-9]+ +a.txt$'
out_has '^ +6 +[3-8][0-9]\.[0-9] +[0-9.]+ +[5-9][0-9]\.[0-9] +[1-9][0-9]* +digits.txt$'
out_has '^  farthest in +model\.layers\.[0-3]\.[a-z_.]* \(a.txt\)$'
out_has '^ +model\.layers\.[0-3]\.[a-z_.]* \(digits.txt\)$'
out_has '^  most alone in +model\.layers\.[0-3]\.[a-z_.]* \((a|digits).txt\)$'
grep -q '^warning:' err && fail 'warns of sources that are worth their shares'
mv s.vqs text.vqs

# The same for every number of threads, in both sweeps' statistics too.
sweep 12 --data a.txt --data digits.txt --json --threads 1
one_object
coverage out >one.json
cmp -s s.vqs text.vqs || fail 'statistics depend on threads'
grep -q '"sources":\[{"name":"a.txt","samples":6,"angle":[0-9.]*,"halves":[0-9.]*,"angles":\[0.0,[0-9.]*\],"farthest_angle":' one.json || fail 'no coverage of a.txt'
[ "$(grep -o '"k":[0-9]*,"angles":\[\[' one.json | wc -l)" = 16 ] || fail 'not the four inputs of four blocks'
sweep 12 --data a.txt --data digits.txt --json --threads 3
coverage out | cmp -s - one.json || fail 'coverage depends on threads'
sweep 12 --data a.txt --data digits.txt --json --set 'passes=[{do: round, method: gptq, curvature: kronecker}]'
coverage out | cmp -s - one.json || fail 'the sweep of gradients sees other inputs'

# Nearly the same text twice adds nothing; few samples of what is far from the rest are too few.
{ cat a.txt; echo; } >again.txt
sweep 48 --data a.txt --data again.txt --data digits.txt
err_has '^warning: again.txt: no farther from a.txt \(0\.[0-9] degrees\) than its own halves .* \[sources-alike\]$'
[ "$(grep -c '^warning:' err)" = 1 ] || fail 'more than one warning'
sweep 24 --data a.txt --data 0.1:digits.txt
err_has '^warning: digits.txt: .* give it a larger share \[source-far\]$'

# The model's own text is a source; one sample has no halves.
sweep 12 --data 0.9:a.txt --data self --json
out_has '"name":"self","samples":1,"angle":[0-9.]*,"halves":null,.*"alone":0,'

# One source says nothing, and takes nothing.
sweep 12 --data a.txt --json
grep -q coverage out && fail 'coverage of one source'
sweep 12 --data a.txt
grep -q farthest out && fail 'coverage of one source'

# Experts see the rows that their router sends, so its input stands for them.
write=$(dirname "$vq")/tests/write_family
if [ -x "$write" ]; then
    "$write" "$source_dir/tests/families/cases/experts/mixtral.json" moe >/dev/null || fail 'write_family'
    for ((i = 0; i < 80; i++)); do printf '\\x%02x\\0\\0\\0' $((i * i % 17)); done >ids
    # shellcheck disable=SC2059
    printf "$(cat ids)" >low.i32
    # shellcheck disable=SC2059
    printf "$(sed 's/x0/x1/g' ids)" >high.i32
    run 0 calibrate moe -r nvfp4-arc --tokens low.i32 --tokens high.i32 --set calib.samples=8 --set calib.seqlen=10 -o moe.vqs --json
    out_has '"layers":\[{"name":"model.layers.0.self_attn.q_proj",'
    out_has '{"name":"model.layers.1.block_sparse_moe.gate","k":64,'
    grep -q '"name":"[^"]*experts' out && fail 'measures experts'
    # Which schemes of experts transformers joins, as docs/using-the-output.md has it (tried with transformers 5.23).
    for scheme in mxfp4 mxfp4a16 int8-w8a16 fp8 int4-g32 int4-g32-asym int8 mxfp8 nvfp4a16; do
        run 0 quantize moe -r int4-g64 --set rules.0.use=$scheme -o joined --force --json
        case $scheme in int4-g32-asym | int8 | mxfp8) joins= ;; nvfp4a16) joins=,\"llama.cpp\" ;; *) joins=,\"transformers\" ;; esac
        out_has "\"runtimes\":\[\"vllm\",\"sglang\"$joins\]"
    done
fi

# Its memory counts: 4 halves x (4 b^2 + 8 k) bytes of four inputs, three of them with 128 channels and one with 256.
peak() { grep -o '"peak_bytes":[0-9]*' out | cut -d: -f2; }
sweep 12 --data a.txt --json
alone=$(peak)
sweep 12 --data a.txt --data digits.txt --json
more=$(($(peak) - alone))
((more > 1800000 && more < 3000000)) || fail "takes $more bytes more than one source"
run 4 calibrate "$tiny" -r nvfp4-arc --set calib.seqlen=128 --data a.txt --data digits.txt -o no.vqs --mem-limit 1M
absent no.vqs
end_checks
