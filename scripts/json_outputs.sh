#!/bin/sh
# json_outputs.sh VQ -- what every command prints with --json, and for people, about the embedded model, without times: what a change that
# should change no output is held against. The paths of the working folder are WORK.
set -eu
case $1 in /*) vq=$1 ;; *) vq=$PWD/$1 ;; esac
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/examples/models/tiny-llama" "$work/tiny"
cd "$work"
export VQ_THREADS=1
small="--set calib.samples=4 --set calib.seqlen=64"

# Times and what depends on them; the digits behind 1e-9 of nothing else.
clean() {
    sed -E "s#$work#WORK#g; s/\"seconds\":[-0-9.e]+/\"seconds\":T/g; s/\"tokens_per_second\":[-0-9.e]+/\"tokens_per_second\":T/g
        :a; s/(\"(phases|stages)\":\{[^}]*\":)[-0-9.e]+/\1T/; ta
        s/^( *took +)[0-9.]+ s(, [0-9.]+ tokens\/s)?/\1T/; s/^( *time +).*/\1T/"
}
# one ARGUMENT...: for people, then as JSON; exit codes with them
one() {
    for form in "" -v --json; do
        echo "== vq $* $form"
        code=0
        # shellcheck disable=SC2086
        "$vq" "$@" $form >out 2>err || code=$?
        clean <out
        grep -vE '^(quantizing|verifying|evaluating|calibrating|gradients|hashing|learning|tuning|writing)' err | clean
        echo "== exit $code"
    done
}
one version
one help
one recipe list
one recipe show schemes
one recipe show passes
one recipe show gptq
one recipe show smooth
one recipe show tune
one recipe show nvfp4-arc
one recipe show nvfp4-arx
one recipe check nvfp4-arc
for recipe in nvfp4 nvfp4-arc best-4bit int8; do one plan tiny -r $recipe; done
one plan tiny/model.safetensors -r gptq-int4 --mem-limit 1M --seed 3 --set calib.samples=3
one plan tiny -r nvfp4-arc --data nowhere
for recipe in nvfp4 int8-w8a16; do
    # shellcheck disable=SC2086
    one quantize tiny -r $recipe -o $recipe --force --data tiny/valid.txt $small
    one inspect $recipe
    one verify $recipe
    one verify $recipe --against tiny
done
for recipe in nvfp4-arc gptq-int4 mr-gptq-mxfp4 smoothquant-int8; do
    # shellcheck disable=SC2086
    one quantize tiny -r $recipe -o $recipe --force $small
    one verify $recipe --against tiny
done
# shellcheck disable=SC2086
one quantize tiny -r best-w4a4 -o tuned --force --data tiny/valid.txt $small
cat >tune.yaml <<END
vq: 1
name: tune
calib: {data: required, samples: 24, seqlen: 128}
rules:
  - {match: {name: ["*"]}, use: nvfp4}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes:
  - {do: round, method: rtn}
  - {do: tune, steps: 4}
output: {format: vq}
END
one quantize tiny -r tune.yaml -o finished --force --data tiny/valid.txt
cat nvfp4/vq.json nvfp4-arc/vq.json tuned/vq.json finished/vq.json finished/config.json
# a run that fails behind its last part leaves its state
# shellcheck disable=SC2086
one quantize tiny -r nvfp4-arc -o stopped --force --data tiny/valid.txt $small --set checks.min_sqnr_db=1000
cat stopped.run/state.json
# shellcheck disable=SC2086
one quantize tiny -r nvfp4-arc -o stopped --resume --data tiny/valid.txt $small
# shellcheck disable=SC2086
one verify tiny --progress json
# shellcheck disable=SC2086
one eval ppl nvfp4 --data tiny/test.txt --window 65 --max-windows 2 --progress json
one inspect nvfp4-arc
one inspect tiny
one inspect tiny/model.safetensors
one inspect nowhere
for select in first random; do
    # shellcheck disable=SC2086
    one calibrate tiny -r best-4bit -o $select.vqs --force --data tiny/valid.txt $small --set calib.select=$select
done
one calibrate --merge first.vqs random.vqs -o both.vqs --force
one inspect both.vqs
# shellcheck disable=SC2086
one quantize tiny -r best-4bit -o from --force --stats both.vqs $small
one eval ppl nvfp4 --data tiny/test.txt --window 65 --max-windows 4
one eval ppl nvfp4 --data tiny/test.txt --window 65 --max-windows 1 --ref tiny
one eval ppl nvfp4-arc --data tiny/test.txt --window 65 --max-windows 4 --ref tiny
one eval ppl nvfp4 nvfp4-arc --data tiny/test.txt --data tiny/valid.txt --window 65 --max-windows 4 --ref tiny
printf x >>nvfp4/model.safetensors
rm int8-w8a16/tokenizer.json
sed -i 's/"sqnr_db": 3/"sqnr_db": 2/' gptq-int4/vq.json
printf '{' >nvfp4-arc/vq.json
rm smoothquant-int8/vq.json
for folder in nvfp4 int8-w8a16 gptq-int4 nvfp4-arc smoothquant-int8 tiny; do one verify $folder --against tiny; done
