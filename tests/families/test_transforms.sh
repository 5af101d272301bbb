#!/usr/bin/env bash
# Transforms over small random models of every architecture that has a builder: each keeps what the model computes (checks.function) or is
# refused with one line; what was written verifies. Prints case by case what applied and what did not. New cases and builders are found by themselves.
. "$2/tests/cli/check.bash"
write=$(dirname "$vq")/tests/write_family
[ -x "$write" ] || { echo "SKIP: no $write"; exit 77; }

# recipe NAME FORMAT EXTRA ROUND PASS... -- NVFP4 behind the passes; EXTRA: more of calib
recipe() {
    local name=$1 format=$2 extra=$3 round=$4
    shift 4
    {
        printf 'vq: 1\nname: %s\nabout: "a"\nsource: "s"\ncalib: {data: self, samples: 8, seqlen: 10%s}\nrules:\n' "$name" "$extra"
        printf '  - {match: {name: ["*"]}, use: nvfp4}\n'
        printf '  - {match: {name: ["*embed*", "*lm_head*", "*norm*", "*wte*", "*wpe*", "*router*", "*.gate"]}, use: keep, optional: true}\npasses:\n'
        [ $# = 0 ] || printf '  - {do: %s}\n' "$@"
        printf '  - {do: round, method: %s}\noutput: {format: %s}\nchecks: {function: error}\n' "$round" "$format"
    } >"$name.yaml"
}
recipe balanced compressed-tensors '' 'gptq, curvature: kronecker' order smooth awq
recipe propagated vq ', propagate: quantized' 'gptq, curvature: token' smooth order
recipe online vq '' gptq 'hadamard, block: 16, fold: online'
recipe folded vq '' 'gptq, curvature: kronecker' 'hadamard, block: 16'
recipe rotate vq '' rtn rotate
recipe turned vq '' rtn 'rotate, r1: none'
recipe ksort vq '' rtn ksort
recipe aligned vq '' rtn stream_order
recipe arc vq '' rtn 'arc, count: all, max_fraction: 0.25'

# note CASE RECIPE WHAT
note() {
    printf '%-22s %-11s %s\n' "$1" "$2" "$3" | tee -a table
}

# try CASE RECIPE -- applied and verified, or refused with one line
try() {
    local code line worst
    last_args="quantize $1 -r $2"
    "$vq" quantize "$1" -r "$2" -o made -vv --progress none >out 2>err
    code=$?
    line=$(grep '^vq: error: ' err)
    case $code in
    0)
        worst=$(grep -oE 'outputs change by [0-9.e+-]+' err | awk '{if ($4 + 0 > m + 0) m = $4} END {print NR ? m : ""}')
        note "$1" "$2" "applied${worst:+, outputs change by at most $worst}"
        "$vq" verify made >out 2>err || fail "what $2 wrote does not verify"
        ;;
    [23])
        note "$1" "$2" "refused: ${line#vq: error: }"
        [ "$(grep -c '^vq: error: ' err)" = 1 ] && [ ! -s out ] || fail "not one line of error"
        [ ! -e made ] || fail "something is left of what was refused"
        "$vq" plan "$1" -r "$2" >out 2>err # says the same, for no refusal is of the weights
        [ $? = $code ] && grep -qxF -- "$line" err || fail "plan does not say '$line'"
        ;;
    *) fail "exit code $code" ;;
    esac
    rm -rf made made.*
}

# expect CASE RECIPE TEXT
expect() {
    last_args="$1 with $2"
    ! grep -q "^$1 " table || grep -qE "^$1 +$2 +$3" table || { : >out; grep "^$1 " table >err; fail "not '$3'"; }
}

: >table
for path in "$source_dir"/tests/families/cases/*/*.json; do
    case=$(basename "$path" .json)
    "$write" "$path" "$case" >written 2>&1
    case $? in
    0) for name in *.yaml; do try "$case" "${name%.yaml}"; done ;;
    3) ;;
    *) last_args="(writing $case)"; fail "write_family: $(cat written)" ;;
    esac
    rm -rf "$case"
done
[ -s table ] || { echo "no case has a builder"; exit 1; }

small='applied, outputs change by at most [0-9.]+e-0[5-9]'
for case in llama granite phi3 phi3_partial phi3_longrope_long; do
    for name in balanced propagated folded rotate turned ksort; do expect $case $name "$small"; done
    for name in online arc; do expect $case $name applied; done
done
for name in turned ksort; do expect gpt2_prefixed $name applied; done # a context shorter than the check is long
for name in balanced propagated folded turned ksort; do expect olmo2 $name "$small"; done
for name in rotate aligned; do expect olmo2 $name 'refused: [a-z_]+ > rms_norm model.layers.0.post_attention_layernorm.weight is added to'; done
end_checks
