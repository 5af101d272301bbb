#!/usr/bin/env bash
# Every key of a recipe outside of its passes has an effect. The list is what `vq recipe check -v` writes out: a new key needs a line here.
. "$2/tests/cli/check.bash"
need_model

recipe() { # recipe SCHEME OUTPUT
    cat <<END
vq: 1
name: effect
calib: {data: required, samples: 4, seqlen: 64}
schemes: {s: $1}
rules:
  - {match: {}, use: keep}
  - {match: {layers: 0}, use: s}
passes: [{do: round, method: $2}]
output: {format: vq}
END
}
recipe '{weight: {grid: i4, group: "block:32"}}' gptq >weights.yaml
recipe '{weight: {grid: i8}, act: {grid: i8}}' rtn >inputs.yaml
cp "$tiny/valid.txt" valid.txt
printf '%s\n' '{"messages":[{"role":"user","content":"Once upon a time"}]}' >line
for _ in $(seq 80); do cat line; done >said.jsonl
copy_model chat
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content }}{%% endfor %%}' >chat/chat_template.jinja
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%c%c%c%c", 33 + i * i % 90, 1, 0, 0 }' | LC_ALL=C tr '\1\0' '\1\0' >ids.bin

declare -A tested=()
# differ KEY SETTINGS... -- `measure SETTING` sets digest; no two settings of one key give the same.
differ() {
    local key=$1 setting
    local -A seen=()
    shift
    tested[$key]=1
    for setting in "$@"; do
        measure "$setting"
        [ -z "${seen[$digest]:-}" ] || fail "$key: $setting gives what ${seen[$digest]} gives"
        seen[$digest]=$setting
    done
}

quantize() { run 0 quantize "$@" -o made --force --threads 1 --progress none; }
weights() { digest=$(cat made/*.safetensors | sha256sum); }

# calib
measure() { quantize "${model:-$tiny}" -r weights.yaml --data "${data:-valid.txt}" $1; weights; }
differ calib.samples "" "--set calib.samples=3"
differ calib.seqlen "" "--set calib.seqlen=65"
differ calib.select "" "--set calib.select=random"
differ calib.seed "--set calib.select=random" "--set calib.select=random --set calib.seed=1"
differ calib.propagate "--set rules.1.match.layers=0-1" "--set rules.1.match.layers=0-1 --set calib.propagate=quantized"
data=said.jsonl model=chat
differ calib.template "" "--set calib.template=none"
cp said.jsonl said.txt
data=said.txt
differ calib.kind "" "--set calib.kind=jsonl"
data=ids.bin
differ calib.kind "" "--set calib.kind=tokens"
measure() { quantize "$tiny" -r weights.yaml --set "calib.data=$1"; weights; }
differ calib.data self valid.txt said.txt

# numbers: of weights by what is stored, of inputs by what the model computes then
measure() { quantize "$tiny" -r weights.yaml --data valid.txt --set passes.gptq.method=rtn --set "schemes.s={weight: {$1}}"; weights; }
numbers() { # numbers KEY REST VALUES... for `measure`
    local key=$1 rest=$2 settings=() value
    shift 2
    for value in "$@"; do settings+=("$rest${rest:+, }${key#*.}: $value"); done
    differ "$key" "${settings[@]}"
}
numbers weight.grid "group: block:32" i3 i4 e2m1 e4m3 e3m2 e1m2 bfp4
numbers weight.group "grid: i4" tensor channel block:32 block:16x16
numbers weight.scale "grid: i4, group: block:32" f32 f16 bf16 e4m3 ue5m3 e8m0
numbers weight.super "grid: i4, group: block:32, scale: e4m3" none f32
numbers weight.zero "grid: i4, group: block:32" none int
numbers weight.rule "grid: e2m1, group: block:32, scale: e8m0" floor bump ceil four-thirds
numbers weight.range "grid: i4, group: block:32" full narrow
numbers weight.compat "grid: e2m1, group: block:16, scale: e4m3, super: f32" none compressed-tensors
numbers weight.compat "grid: e2m1, group: block:32, scale: e8m0" none modelopt
measure() {
    quantize "$tiny" -r inputs.yaml --data valid.txt --set "schemes.s={weight: {grid: i8}, act: {$1}}"
    run 0 eval ppl made --data valid.txt --window 64 --max-windows 1 --json --threads 1 --progress none
    digest=$(grep -o '"nll":[0-9.]*' out)
}
numbers act.grid "group: block:32" i8 i4 e4m3 e2m1 bfp4
numbers act.group "grid: i8" tensor token block:32
numbers act.scale "grid: i4" f32 f16 bf16 e4m3 ue5m3 e8m0
numbers act.super "grid: i4, group: block:32, scale: e4m3" none f32
numbers act.zero "grid: i4" none int
numbers act.observer "grid: i4, group: tensor, zero: int" absmax minmax percentile:90
numbers act.rule "grid: e2m1, group: block:32, scale: e8m0" floor bump ceil four-thirds
numbers act.range "grid: i4" full narrow
numbers act.compat "grid: e2m1, group: block:16, scale: e4m3, super: f32" none compressed-tensors
# no choice is left for these: another value is refused (tests/unit/recipe/test_recipe.c)
for key in weight.when weight.observer act.when checks.finite checks.fused; do tested[$key]=1; done

# rules, by what plan says
measure() {
    run 0 plan "$tiny" -r weights.yaml --set calib.data=self --json --set "rules.1=$1"
    digest=$(grep -oE '"name":"[^"]*"|"scheme":"[^"]*"' out)
}
differ rules.layers '{match: {layers: 0}, use: s}' '{match: {layers: 0-1}, use: s}'
differ rules.role '{match: {role: [attn.*, mlp.*]}, use: s}' '{match: {role: [mlp.*]}, use: s}'
differ rules.name '{match: {name: ["*.up_proj", "*.gate_proj"]}, use: s}' '{match: {name: ["re:.*[.][1-3][.]mlp[.].*"]}, use: s}'
differ rules.match '{match: {role: [mlp.*], layers: 1}, use: s}' '{match: {role: [mlp.*]}, use: s}'
measure() { run 0 plan "$tiny" -r nvfp4a16 --json --set "rules.0.use=$1"; digest=$(grep -oE '"scheme":"[^"]*"' out); }
differ rules.use nvfp4a16 int4-g64
rules='[{match: {}, use: keep}, {match: {role: [attn.*, mlp.*]}, use: s}, {match: {role: moe.up}, use: keep'
refuse 2 'rule 2 .* decides no tensor' plan "$tiny" -r weights.yaml --set calib.data=self --set "rules=$rules}]"
run 0 plan "$tiny" -r weights.yaml --set calib.data=self --set "rules=$rules, optional: true}]"
tested[rules.optional]=1
sed 's/^rules:/&\n  - {match: {role: moe.up}, use: s}/' weights.yaml >base.yaml
printf 'vq: 1\nname: child\nextends: base.yaml\ncalib: {data: self}\n' >child.yaml
refuse 2 '^vq: error: base.yaml: rule 0 .line [0-9]+. decides no tensor' plan "$tiny" -r child.yaml

# output: which files, and what is in them; a runtime only has a say where it cannot read them
measure() { quantize "$tiny" -r nvfp4a16 --set "$1"; digest=$(sha256sum made/*.safetensors); }
differ output.format output.format=compressed-tensors output.format=vq
differ output.shard output.shard=5GB output.shard=100kB
run 0 quantize "$tiny" -r nvfp4a16 -o made --force --set output.runtime=vllm
refuse 2 'vllm reads the format compressed-tensors' quantize "$tiny" -r nvfp4a16 -o none --set output.runtime=vllm --set output.format=vq
tested[output.runtime]=1

# checks
run 0 quantize "$tiny" -r nvfp4a16 -o made --force --set checks.min_sqnr_db=15
refuse 6 'SQNR [0-9.]+ dB is below checks.min_sqnr_db 60' quantize "$tiny" -r nvfp4a16 -o none --set checks.min_sqnr_db=60
tested[checks.min_sqnr_db]=1
# Rotated, a channel of the stream of 2^40 that nothing reads swallows the others: what the model computes is lost in f32.
copy_model loud
row="$(printf '\\x80\\x3f%0.s' $(seq 127))"
poke loud/model.safetensors "$(st_offset "$tiny/model.safetensors" model.embed_tokens.weight)" "$(for _ in $(seq 512); do printf %s '\x80\x53' "$row"; done)"
poke loud/model.safetensors "$(st_offset "$tiny/model.safetensors" model.norm.weight)" '\0\0'
rotated='passes=[{do: rotate}, {do: round, method: rtn}]'
refuse 6 'rotate: outputs change by .* does not keep what the model computes' quantize loud -r weights.yaml -o none --data valid.txt --set "$rotated"
run 0 quantize loud -r weights.yaml -o made --force --data valid.txt --set "$rotated" --set checks.function=warn
err_has 'rotate: outputs change by .*function-changed'
tested[checks.function]=1

# Nothing was left out.
for recipe in inputs.yaml nvfp4a16; do
    run 0 recipe check "$recipe" -v
    while IFS=: read -r part keys; do
        for key in $(grep -oE '[{ ][a-z_]+: ' <<<"$keys" | tr -d '{: '); do
            [ -n "${tested[$part.$key]:-}" ] || fail "nothing here tests $part.$key"
        done
    done < <(sed -nE 's/^ *(calib|output|checks|weight|act): (\{.*)/\1:\2/p; s/^  - (\{match.*)/rules:\1/p' out)
done
end_checks
