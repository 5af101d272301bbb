#!/usr/bin/env bash
# Passes over a whole model and over groups, end to end: what they store, what they refuse, and how a rounder's fallbacks are counted.
. "$2/tests/cli/check.bash"
need_model

recipe() { # recipe NAME FORMAT PASS... -- INT4 weights, gptq behind the passes
    local name=$1 format=$2
    shift 2
    {
        printf 'vq: 1\nname: %s\nabout: "a"\nsource: "s"\ncalib: {data: required, samples: 8, seqlen: 64}\nrules:\n' "$name"
        printf '  - {match: {name: ["*"]}, use: int4-g64}\n  - {match: {name: ["*embed*"]}, use: keep}\npasses:\n'
        printf '  - {do: %s}\n' "$@"
        printf '  - {do: round, method: gptq}\noutput: {format: %s}\n' "$format"
    } >"$name.yaml"
}

# kl_of FOLDER -- KL of its logits to the model's.
kl_of() {
    run 0 eval ppl "$1" --data $tiny/test.txt --ref $tiny --window 256 --max-windows 4 --json --progress none
    grep -oE '"kl":[0-9.e+-]+' out | cut -d: -f2
}

common="quantize $tiny --data $tiny/valid.txt --progress none"

# ksort: the order of keys is in the artifact, and it computes what it did
recipe sorted vq ksort
recipe plain vq order
run 0 $common -r sorted -o sorted
run 0 verify sorted
grep -aq 'layers.2.self_attn.k_proj.key_order' sorted/model.safetensors || fail "no order of keys"
run 0 $common -r plain -o plain
awk "BEGIN {exit !($(kl_of sorted) < 1.3 * $(kl_of plain))}" || fail "sorted keys cost $(kl_of sorted), not $(kl_of plain)"
recipe elsewhere compressed-tensors ksort
refuse 2 'pass ksort .* --set output.format=vq' plan $tiny -r elsewhere

# orders of passes that cannot be
recipe turned vq rotate
recipe mixed vq 'hadamard, block: 32' smooth
refuse 2 'pass smooth .* put it before hadamard' plan $tiny -r mixed
refuse 2 'change the model before statistics are gathered' calibrate $tiny -r turned --data $tiny/valid.txt -o turned.vqs
run 0 calibrate $tiny -r plain --data $tiny/valid.txt -o plain.vqs --progress none
refuse 2 'do not fit rotate' $common -r turned --stats plain.vqs -o turned
[ ! -e turned ] && [ ! -e turned.run ] || fail "something is left of what was refused"

# every pass over groups is checked, block by block
recipe checked vq order smooth awq 'hadamard, block: 32'
run 0 $common -r checked -o checked -vv
[ "$(grep -cE ', layer [0-3]: outputs change by [0-9]\.[0-9]e-0[5-9]|outputs change by 0' err)" = 16 ] || fail "not all passes were checked"

# against the original: what no pass changed, or rotated only, is compared; the rest is counted, not called wrong
run 0 verify checked --against $tiny --json
out_has '"not_compared":2[0-8],'
recipe rotated vq 'hadamard, block: 32'
run 0 $common -r rotated -o rotated
run 0 verify rotated --against $tiny --json
out_has '"not_compared":(0|4|8),'

# a rounder that falls back: the input of a dead MLP has no curvature
copy_model dead
up=model.layers.1.mlp.up_proj.weight
dd if=/dev/zero of=dead/model.safetensors bs=1 seek="$(st_offset dead/model.safetensors $up)" count=65536 conv=notrunc status=none
recipe dead vq order
common="quantize dead --data $tiny/valid.txt --progress none -r dead"
run 0 $common -o fell
out_has 'fell back +in 1 of 28 modules'
run 0 $common -o allowed --set checks.max_singular_frac=0.04 --json
out_has '"fallbacks":1'
refuse 6 'fall back in 1 of 28 linears \(model.layers.1.mlp.down_proj: rtn\), beyond checks.max_singular_frac 0.03' \
    $common -o refused --set checks.max_singular_frac=0.03
[ ! -e refused ] || fail "an artifact beyond its checks"
end_checks
