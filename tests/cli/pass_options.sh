#!/usr/bin/env bash
# Every pass and every value of its options changes the bytes of the weights. The list comes from `vq recipe show`: a new number needs a row in
# `values` below, a new choice one only where this small model, samples this few and a plain recipe cannot show what it does.
. "$2/tests/cli/check.bash"
need_model

# Beside the default; without a row all choices of the option.
declare -A values=(
    [smooth.strength]=0.8 [awq.grid]=8 [arc.max_fraction]=0.25
    [hadamard.block]="16 64 128 full" # no wider one divides an input of 128
    [rotate.r1]="none 16 32 64"       # full is 128 here
    [gptq.damp]=0.1 [gptq.shrink]=0.5 [gptq.shrink_output]=0.5 [gptq.descent]=2
    [learned.steps]=3 [learned.tokens]=64 [learned.rate]=0.05 [learned.clip_rate]=0.01 [learned.momentum]=0.5 [learned.damp]=0.1
    [learned.shrink]=0.5 [learned.shrink_output]=0.5 [learned.descent]=2
    [tune.steps]=3 [tune.tokens]=64 [tune.rate]=0.01
)
# Other options of the pass that an option needs to matter (a row of the pass: all of its options).
declare -A beside=(
    [awq.duo]="grid: 6" [arc.granularity]="count: paper" [gptq.refit]="order: original" [gptq.shrink_output]="curvature: kronecker" [learned]="steps: 6" [learned.steps]=""
    [learned.refit]="steps: 6, order: original" [learned.shrink_output]="steps: 6, curvature: kronecker" [learned.search]="steps: 6, init: mse" [learned.weigh]="steps: 6, init: mse"
    [tune]="steps: 6" [tune.steps]=""
)
# The scheme where it is not NVFP4: one order is best for all matrices of most schemes, and then auto is that one.
declare -A scheme=([gptq.order]=fp8-block [learned.order]=fp8-block)
# The model where it is not the embedded one.
declare -A model=([gptq.dead]=deaf)

cat >recipe.yaml <<'END'
vq: 1
name: effect
calib: {data: required, samples: 4, seqlen: 64}
rules:
  - {match: {layers: 0}, use: nvfp4}
  - {match: {layers: 1-}, use: keep}
  - {match: {role: [embed, lm_head]}, use: keep}
passes: [{do: round, method: rtn}]
output: {format: vq}
END
# A model that does not hear the first three channels of its first block.
copy_model deaf
poke deaf/model.safetensors "$(st_offset "$tiny/model.safetensors" model.layers.0.input_layernorm.weight)" '\0\0\0\0\0\0'

# passes PASS OPTIONS -- the list of passes of a recipe that shows PASS.
passes() {
    local options=${2:+, $2}
    case ${kind[$1]} in
        transform) echo "[{do: $1$options}, {do: round, method: rtn}]" ;;
        round) echo "[{do: round, method: $1$options}]" ;;
        finish) echo "[{do: round, method: rtn}, {do: $1$options}]" ;;
    esac
}

# weights MODEL SCHEME PASSES -- digest of the weights that this recipe makes; each recipe is made once.
declare -A made=()
weights() {
    digest=${made[$*]:-}
    [ -z "$digest" ] || return
    run 0 quantize "$1" -r recipe.yaml --data "$tiny/valid.txt" -o made --force --threads 1 --progress none --set "rules.0.use=$2" --set "passes=$3"
    digest=$(sha256sum <made/model.safetensors)
    made[$*]=$digest
}

# differ NAME -- the weights of this recipe are those of no recipe before it in `seen`.
differ() {
    local other
    for other in "${!seen[@]}"; do
        [ "${seen[$other]}" != "$digest" ] || fail "$1 gives the weights of $other"
    done
    seen[$1]=$digest
}

# option PASS NAME DEFAULT RANGE
option() {
    local key=$1.$2 value tried with=${beside[$1.$2]-${beside[$1]-}}
    tried=${values[$key]-}
    if [ -z "$tried" ]; then
        [[ $4 == *"|"* ]] || { fail "$key has no value to try: add a row to this test"; return; }
        tried=${4//|/ }
    fi
    local -A seen=()
    for value in "$3" $tried; do
        [ "$value" != "$3" ] || [ ${#seen[@]} = 0 ] || continue
        weights "${model[$key]:-$tiny}" "${scheme[$key]:-nvfp4}" "$(passes "$1" "$with${with:+, }$2: $value")"
        differ "$2: $value"
    done
}

declare -A kind=() seen_passes=()
run 0 recipe show passes
while read -r name what _; do kind[$name]=$what; done < <(tail -n +2 out | grep '^  [^ ]')
[ ${#kind[@]} -ge 13 ] || fail "recipe show passes lists ${#kind[@]} passes only"
for pass in "${!kind[@]}"; do
    run '[02]' quantize "$tiny" -r recipe.yaml --data "$tiny/valid.txt" -o made --force --set "passes=$(passes "$pass" "")"
    if grep -q "pass $pass is read but not run by this version" err; then continue; fi
    run 0 recipe show "$pass" --json
    while read -r name default range; do
        option "$pass" "$name" "$default" "$range"
    done < <(sed 's/},{/\n/g' out | sed -nE 's/.*"name":"([^"]*)","default":"([^"]*)","range":"([^"]*)","doc".*/\1 \2 \3/p')
    weights "$tiny" nvfp4 "$(passes "$pass" "${beside[$pass]:-}")"
    seen_passes[$pass]=$digest
done
# no pass is another one
for pass in "${!seen_passes[@]}"; do
    for other in "${!seen_passes[@]}"; do
        [ "$pass" = "$other" ] || [ "${seen_passes[$pass]}" != "${seen_passes[$other]}" ] || fail "pass $pass gives the weights of $other"
    done
done
end_checks
