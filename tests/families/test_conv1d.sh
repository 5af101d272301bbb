#!/usr/bin/env bash
# GPT-2 stores its matrices [in][out] (Conv1D): quantized along the right side, written back as they were where they are kept, refused where
# nobody could load them, and known by their biases without the architecture.
. "$2/tests/cli/check.bash"
write=$(dirname "$vq")/tests/write_family
[ -x "$write" ] || { echo "SKIP: no $write"; exit 77; }
for case in gpt2 gpt2_prefixed; do "$write" "$source_dir/tests/families/cases/positions/$case.json" $case >out || exit 1; done

# shape FOLDER TENSOR -- as the file says it
shape() {
    local header
    header=$(tail -c +9 "$1/model.safetensors" | head -c "$(od -An -t u8 -N 8 "$1/model.safetensors" | tr -d ' ')")
    grep -oE "\"$2\":\{[^}]*" <<<"$header" | grep -oE '"shape":\[[0-9,]*\]'
}

# tensor FOLDER MODULE -- bytes of its weight in block 0
tensor() {
    local path=$1/model.safetensors span header
    header=$(od -An -t u8 -N 8 "$path" | tr -d ' ')
    span=$(tail -c +9 "$path" | head -c "$header" | grep -oE "\"transformer.h.0.attn.$2.weight\":\{[^}]*" | grep -oE '\[[0-9,]*\]' | tail -1 | tr -d '[]')
    tail -c +$((9 + header + ${span%,*})) "$path" | head -c $((${span#*,} - ${span%,*}))
}

# recipe NAME RULE PASS... -- int8 with one scale per row, so that a wrong side shows in the number of scales
recipe() {
    local name=$1 rule=$2
    shift 2
    {
        printf 'vq: 1\nname: %s\nabout: "a"\nsource: "s"\ncalib: {data: %s, samples: 4, seqlen: 10}\n' "$name" "$([ $# = 0 ] && echo none || echo self)"
        printf 'schemes:\n  rows: {weight: {grid: i8, group: channel, scale: f32}}\nrules:\n'
        printf '  - {match: {name: ["*"]}, use: rows}\n  - {match: {role: [embed, lm_head]}, use: keep, optional: true}\n%s\npasses:\n' "$rule"
        [ $# = 0 ] || printf '  - {do: %s}\n' "$@"
        printf '  - {do: round, method: rtn}\noutput: {format: vq}\nchecks: {function: error}\n'
    } >"$name.yaml"
}
recipe plain ''
recipe half '  - {match: {name: ["*c_attn", "*c_fc"]}, use: keep}' smooth

# Without data: one scale per output, codes [out][in].
run 0 quantize gpt2_prefixed -r plain.yaml -o plain
[ "$(shape plain transformer.h.0.mlp.c_fc.weight_scale)" = '"shape":[96,1]' ] || fail "scales along the wrong side"
run 0 verify plain --against gpt2_prefixed
run 0 plan gpt2_prefixed -r plain.yaml --json
out_has '"name":"transformer.h.0.attn.c_attn","role":"attn.qkv","shape":\[192,64\]'

# Kept matrices that smoothing changed, and those that nothing changed, have the shape that the model had.
run 0 quantize gpt2_prefixed -r half.yaml -o half -vv
err_has 'outputs change by [0-9.]+e-0[5-9]'
for layer in 0 1; do
    for name in attn.c_attn mlp.c_fc; do
        [ "$(shape half transformer.h.$layer.$name.weight)" = "$(shape gpt2_prefixed transformer.h.$layer.$name.weight)" ] || fail "$name has another shape"
    done
done
run 0 verify half
# Smoothing wrote the rows of v: what the file holds now still says what the model says.
for _ in 1 2 3 4 5 6 7 8; do printf '\003\0\0\0\021\0\0\0\074\0\0\0\050\0\0\0\001\0\0\0\035\0\0\0'; done >ids
cmp -s <(tensor half c_attn) <(tensor gpt2_prefixed c_attn) && fail "smoothing changed nothing"
run 0 eval ppl half --tokens ids --window 16 --ref gpt2_prefixed --json
kl=$(grep -oE '"kl":[0-9.e-]+' out | cut -d: -f2)
awk "BEGIN {exit !(${kl:-1} < 0.01)}" || fail "KL to the model is ${kl:-missing}"

# compressed-tensors has no such layer.
for recipe in nvfp4a16 gptq-nvfp4 int8-w8a16; do
    refuse 2 'c_attn: compressed-tensors has no layer .*output.format=vq' quantize gpt2 -r $recipe -o result
    absent result
done

# Without a graph biases say that the sides are turned, of square matrices too: the same bytes.
run 0 quantize gpt2 -r plain.yaml -o known
cp -r gpt2 unknown
sed -i 's/"gpt2"/"gpt2_of_another_kind"/' unknown/config.json
cp -r gpt2 crossed
sed -i 's/{/{"add_cross_attention": true,/' crossed/config.json
for model in unknown crossed; do
    run 0 plan $model -r plain.yaml
    err_has 'no-forward-pass'
    run 0 quantize $model -r plain.yaml -o $model-out
    cmp known/model.safetensors $model-out/model.safetensors || fail "other bytes than with a graph"
    refuse 2 'Conv1D' plan $model -r int8
    refuse 3 'cannot run this model' plan $model -r half.yaml
done
end_checks
