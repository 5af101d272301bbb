#!/usr/bin/env bash
# The main job on the embedded model: quantize, verify, eval, inspect; output names.
. "$2/tests/cli/check.bash"
need_model

mkdir plain && cp "$tiny"/*.json "$tiny"/model.safetensors "$tiny"/test.txt plain/
cd plain || exit 1
run 0 quantize --recipe nvfp4-arc.yaml model.safetensors
out_has '^  output +model.nvfp4-arc$'
out_has '^  bits per weight +[45]\.'
out_has 'SQNR dB'
kib=$(du -b --apparent-size model.nvfp4-arc/model.safetensors | awk '{printf "%.1f KiB", $1 / 1024}')
out_has "^  weights +[0-9.]+ [KM]iB -> $kib \\("
out_has '^  whole folder +[0-9.]+ KiB$'
[ "$(grep -c '^next: ' err)" = 2 ] || fail "does not say what comes next"
pasted() { # each hint works as it is printed
    local hints
    hints=$(sed -n 's/^next: //p' err)
    while read -r hint; do bash -c "$hint" >out 2>err2 || fail "'$hint' ends with $?"; done <<<"$hints"
}
err_has '^next: .*/vq generate model.nvfp4-arc$'
pasted
# Both streams into one place: the result, then what to do next. -q: nothing.
"$vq" quantize model.safetensors -r nvfp4a16 -o both >out 2>&1 || fail "does not quantize"
[[ $(tail -n 1 out) = "next: "* && $(grep -c bits.per.weight out) = 2 ]] || fail "the hint comes before the result"
run 0 quantize model.safetensors -r nvfp4a16 -o both --force -q
[ ! -s out ] && [ ! -s err ] || fail "-q prints"
run 0 tokenize tokenizer.json 'a text' -o ids.i32 -q
[ ! -s out ] && [ ! -s err ] && [ -s ids.i32 ] || fail "-q prints"
run 0 plan model.safetensors -r nvfp4a16 -v
err_empty
# A name that begins like an option: the hint works as it is printed.
run 0 quantize model.safetensors -r nvfp4a16 -o -both
err_has '^next: .*/vq generate \./-both$'
pasted
# Nor does one that is not UTF-8 become another one, in a hint or in JSON.
odd=$'caf\xe9 it\'s \\x41 \n'
cp model.safetensors "$odd.safetensors"
for out in "$odd" "-$odd"; do
    run 0 quantize "$odd.safetensors" -r nvfp4a16 -o "$out"
    pasted
    rm -r "./$out"
    run 0 quantize "$odd.safetensors" -r nvfp4a16 -o "$out" --json
    one_object
    name=$(grep -oE '"out":"[^"]*"' out | cut -d'"' -f4)
    name=$(eval "printf %s. ${name//\\\\/\\}") # of JSON's escapes it has that of the backslash
    [ "$name" = "$out." ] || fail "--json has '$name' for the output"
    rm -r "./$out"
done
mkdir "$odd"
cp "$tiny"/{config.json,generation_config.json,tokenizer.json,model.safetensors} "$odd" # the files in it have names of their own
run 0 quantize "$odd" -r nvfp4a16 -o odd
run 0 verify odd --against "$odd"
touch "$odd/"$'caf\xe9.json'
refuse 3 'the name of this file is not UTF-8; rename it' quantize "$odd" -r nvfp4a16 -o odder
rm -r both ./-both ids.i32 "$odd.safetensors" "$odd" odd
# The memory that plan tells is enough as a limit, and three quarters of it are refused at once.
for some in "nvfp4a16" "nvfp4 --set calib.samples=2 --set calib.seqlen=32" "gptq-nvfp4 --set calib.samples=2 --set calib.seqlen=32"; do
    run 0 plan model.safetensors -r $some --json
    peak=$(grep -oE '"peak_ram":[0-9]+' out | cut -d: -f2)
    run 0 quantize model.safetensors -r $some -o limited --force -q --mem-limit "$peak"
    refuse 4 'the plan needs' quantize model.safetensors -r $some -o limited --force --mem-limit $((peak * 3 / 4))
done
# Only advice that helps: shorter samples where there are samples, and of a length that fits.
for some in nvfp4a16 "gptq-nvfp4 --set calib.seqlen=16"; do
    run 0 plan model.safetensors -r $some --json
    peak=$(grep -oE '"peak_ram":[0-9]+' out | cut -d: -f2)
    refuse 4 'the limit is [0-9.]* MiB; raise --mem-limit$' quantize model.safetensors -r ${some%% *} -o limited --force --mem-limit $((peak * 3 / 4))
done
run 0 plan model.safetensors -r gptq-nvfp4 --set calib.seqlen=40 --json
peak=$(grep -oE '"peak_ram":[0-9]+' out | cut -d: -f2)
refuse 4 'or take shorter samples: --set calib.seqlen=32$' quantize model.safetensors -r gptq-nvfp4 -o limited --force --mem-limit "$peak"
run 0 quantize model.safetensors -r gptq-nvfp4 --set calib.seqlen=32 -o limited --force --mem-limit "$peak"
rm -r limited
# The most that plan tells of residual channels is what a run takes that appends all of them.
for fraction in 1 0.3; do
    some="-r nvfp4-arc --set calib.samples=2 --set calib.seqlen=32 --set passes.arc.count=all --set passes.arc.max_fraction=$fraction --json"
    run 0 plan model.safetensors $some
    most=$(grep -oE '"bits_per_weight_most":[0-9.]+' out | cut -d: -f2)
    run 0 quantize model.safetensors $some -o most --force
    bits=$(grep -oE '"bits_per_weight":[0-9.]+' out | cut -d: -f2)
    awk "BEGIN { d = $most / $bits - 1; exit !(d * d < 1e-8 && $most > 5) }" || fail "plan says at most $most bits, and the run takes $bits"
done
run 0 plan model.safetensors -r nvfp4-arc
out_has '^  bits per weight +4\.50[0-9] and residual channels, which calibration decides: at most [0-9.]+$'
out_has '^  size +[0-9.]+ KiB and residual channels: at most [0-9.]+ KiB$'
# What the text is, where values come from, what takes how long, where the artifact goes.
run 0 plan model.safetensors -r nvfp4-arc --set calib.samples=8 --seed 4
out_has '^  time +(under 0.1 s|about [0-9]+([.][0-9])? (s|min)) on idle cores: text (under 0.1|[0-9.]+) s, statistics '
out_has '^  text +4096 tokens that the model writes itself, unless'
out_has '^  output +model\.nvfp4-arc, unless'
out_has '^  calib.samples +8 +flag$'
out_has '^  calib.seqlen +512 +recipe$'
out_has '^  calib.seed +4 +flag$'
VQ_SEED=5 run 0 plan model.safetensors -r nvfp4-arc --data test.txt --set calib.seqlen=64
out_has '^  calib.seed +5 +environment$'
out_has '^  text +[0-9]+ tokens test.txt$'
rm -r most
[ -f model.nvfp4-arc/vq.json ] && [ -f model.nvfp4-arc/config.json ] && [ -f model.nvfp4-arc/tokenizer.json ] || fail "files are missing"
[ ! -e model.nvfp4-arc.run ] || fail "the run folder is left"
run 0 verify model.nvfp4-arc
out_has 'verdict +yes'
run 0 inspect model.nvfp4-arc
out_has '^  kind +artifact'
run 0 inspect model.safetensors
out_has '^  kind +model'

few="-r nvfp4-arc --set calib.samples=4 --set calib.seqlen=128"
run 0 quantize model.safetensors $few -o again --threads 1
run 0 quantize . $few -o ../from-folder
cmp -s again/model.safetensors ../from-folder/model.safetensors || fail "bytes depend on how the model is named"
run 0 quantize model.safetensors $few -o seeded --seed 99
cmp -s again/vq.json seeded/vq.json && fail "--seed changes nothing"
run 0 quantize model.safetensors -r nvfp4-arc -o with-data --data test.txt --set calib.samples=4
run 0 quantize model.safetensors -r nvfp4a16 -o verbose -v
err_has 'kernels '

run 0 eval ppl model.nvfp4-arc --data test.txt --window 257 --stride 256 --max-windows 8 --ref model.safetensors
out_has '^  perplexity +[0-9]+\.[0-9]+ \+- '
out_has '^  KL divergence +[0-9.]+ \+- '
out_has '^  same top token +[0-9.]+ %'
run 0 eval ppl model.nvfp4-arc --data test.txt --window 257 --stride 256 --max-windows 8 --weights-only --bos
out_has 'tokens/s'
refuse 3 'no-such' eval ppl no-such --data test.txt --window 64
refuse 3 'no-such' eval ppl model.safetensors --data no-such.txt --window 64
refuse '[23]' 'token|window' eval ppl model.safetensors --data config.json --window 2048
end_checks
