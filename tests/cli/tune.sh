#!/usr/bin/env bash
# The finishing pass tune: KL to the original falls on text that it has not seen, codes and block scales stay, same bytes for every thread
# count and after a kill, every option matters.
. "$2/tests/cli/check.bash"
need_model

common="--data $tiny/train.txt --progress none"

# recipe NAME SCHEME METHOD TUNE... -- NAME.yaml, without a finishing pass when TUNE is empty.
recipe() {
    cat >"$1.yaml" <<END
vq: 1
name: $1
calib: {data: required, samples: 24, seqlen: 128}
rules:
  - {match: {name: ["*"]}, use: $2}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes:
  - {do: round, method: $3}
${4:+  - {do: tune, $4\}}
output: {format: ${5:-vq}}
END
}

# quantize OUT RECIPE ARGS... -- the artifact OUT.
quantize() {
    local out=$1 name=$2
    shift 2
    run 0 quantize "$tiny" -r "$name.yaml" $common -o "$out" "$@"
}

# kl OUT -- KL to the model on held-out text.
kl() {
    "$vq" eval ppl "$1" --data "$tiny/valid.txt" --window 256 --max-windows 24 --ref "$tiny" --json --progress none | grep -oE '"kl":[0-9.e-]+' | head -1 | cut -d: -f2
}

# closer A B -- A's KL is at most 95 % of B's.
closer() {
    awk -v a="$(kl "$1")" -v b="$(kl "$2")" 'BEGIN { exit !(a > 0 && a < 0.95 * b) }' || fail "$1 is not closer to the model than $2"
}

# bytes OUT TENSOR -- digest of a stored tensor.
bytes() {
    local file=$1/model.safetensors range
    range=$(st_header "$file" | grep -oE "\"$2\":\{[^}]*\}" | grep -oE '\[[0-9]+,[0-9]+\]\}$' | tr -d '[]}')
    tail -c +$((9 + $(st_header_size "$file") + ${range%,*})) "$file" | head -c $((${range#*,} - ${range%,*})) | sha256sum
}

# keeps A B TENSOR, moves A B TENSOR
keeps() { [ "$(bytes "$1" "$3")" = "$(bytes "$2" "$3")" ] || fail "$3 differs between $1 and $2"; }
moves() { [ "$(bytes "$1" "$3")" != "$(bytes "$2" "$3")" ] || fail "$3 is the same in $1 and $2"; }

verified() {
    run 0 verify "$1" --against "$tiny" --progress none
    out_has 'verdict +yes'
}

up=model.layers.1.mlp.up_proj
norm=model.layers.1.input_layernorm.weight
for format in vq compressed-tensors; do
    recipe plain nvfp4a16 rtn "" $format
    recipe tuned nvfp4a16 rtn "steps: 12, rate: 0.002" $format
    quantize plain plain
    quantize tuned tuned
    out_has 'tuned +KL to the original 0\.[0-9]+ -> 0\.[0-9]+ nats on [0-9]+ held-out tokens'
    closer tuned plain
    verified tuned
    if [ $format = vq ]; then codes=weight super=weight_scale_2; else codes=weight_packed super=weight_global_scale; fi
    keeps plain tuned $up.$codes
    keeps plain tuned $up.weight_scale
    moves plain tuned $up.$super
    moves plain tuned $norm
    [ "$(bytes tuned $up.$super)" = "$(bytes tuned model.layers.1.mlp.gate_proj.$super)" ] || fail "gate and up have two second-level scales"
    rm -rf plain tuned
done

# same bytes for one thread and two; figures in the JSON and in vq.json
recipe tuned nvfp4a16 rtn "steps: 12, rate: 0.002"
quantize one tuned --threads 1 --json
one_object
out_has '"tune":\{"kl_before":0\.[0-9]+,"kl_after":0\.[0-9]+,"held_out_tokens":384\}'
quantize two tuned --threads 2
diff -r one two >/dev/null || fail "the bytes depend on the number of threads"
grep -q '"kl_after": 0\.' two/vq.json || fail "vq.json does not record the pass"

# every option matters
for option in what=norms what=scales steps=13 tokens=256 rate=0.001; do
    quantize other tuned --set "passes.tune.$option"
    cmp -s two/model.safetensors other/model.safetensors && fail "$option changes nothing"
    rm -rf other
done
quantize norms tuned --set passes.tune.what=norms
quantize scales tuned --set passes.tune.what=scales
keeps "$tiny" scales $norm
moves norms scales $up.weight_scale_2

# inputs in NVFP4 too; INT4 has no second-level scales; statistics hold no samples
recipe w4a4 nvfp4 rtn ""
recipe w4a4t nvfp4 rtn "steps: 16, rate: 0.002"
recipe int4 int4-g32 rtn ""
recipe int4t int4-g32 rtn "steps: 16, rate: 0.002"
for name in w4a4 int4; do
    quantize $name $name
    quantize ${name}t ${name}t
    closer ${name}t $name
    verified ${name}t
done
refuse 2 'tune: no quantized weight has a second-level scale.*what: norms' quantize "$tiny" -r int4t.yaml $common -o no --set passes.tune.what=scales
recipe gptq nvfp4a16 "gptq, curvature: token" "steps: 4"
run 0 calibrate "$tiny" -r gptq.yaml $common -o s.vqs
refuse 2 'needs calibration text \(also with --stats' quantize "$tiny" -r gptq.yaml --stats s.vqs -o no --progress none
quantize gptq gptq --stats s.vqs
verified gptq

# killed while it tunes
recipe long nvfp4a16 gptq "steps: 20, tokens: 1024"
quantize whole long
"$vq" quantize "$tiny" -r long.yaml $common -o killed >/dev/null 2>&1 &
killed=$!
for i in $(seq 200); do
    [ "$(grep -c '"part"' killed.run/state.json 2>/dev/null)" = 5 ] && break
    sleep 0.05
done
sleep 0.3
kill -KILL $killed
wait $killed 2>/dev/null
[ -e killed ] && fail "the run ended before it was killed"
quantize killed long --resume
err_has 'resuming after 5 of 5 parts'
diff -r whole killed >/dev/null || fail "killed is not the undisturbed artifact"
end_checks
