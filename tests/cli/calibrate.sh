#!/usr/bin/env bash
# Statistics files: made, merged, inspected; same bytes for every thread count; nothing left after a failure.
. "$2/tests/cli/check.bash"
need_model

cp "$tiny"/test.txt text.txt
head -c 20000 text.txt >first.txt
tail -c +20001 text.txt | head -c 20000 >second.txt
recipe() {
    cat <<END
vq: 1
name: $1
about: "a recipe of the tests"
source: "tests"
calib: {data: required, samples: 4, seqlen: 64, seed: 5}
rules:
  - {match: {name: ["*"]}, use: nvfp4a16}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes:
  - {do: round, method: $2}
output: {format: compressed-tensors}
END
}
recipe plain rtn >plain.yaml
recipe hessian 'gptq, curvature: input' >hessian.yaml
recipe both 'gptq, curvature: kronecker' >both.yaml

run 0 calibrate "$tiny" -r both.yaml --data first.txt -o one.vqs --threads 1
out_has '^  output +one.vqs$'
out_has '^  holds +.*fisher,output$'
out_has '^  calibrated on +text, 256 tokens$'
err_has '^next: .*/vq quantize .* -r both.yaml --stats one.vqs$'
run 0 calibrate "$tiny" -r both.yaml --data first.txt -o three.vqs --threads 3
cmp -s one.vqs three.vqs || fail "bytes depend on the number of threads"
run 0 calibrate "$tiny"/model.safetensors -r both.yaml --data first.txt -o named.vqs
cmp -s one.vqs named.vqs || fail "bytes depend on how the model is named"
run 0 calibrate "$tiny" -r both.yaml --data first.txt -o seeded.vqs --seed 6 --set calib.samples=3
hint=$(sed -n 's/^next: //p' err)
bash -c "$hint -o hinted" >out 2>err || fail "'$hint' ends with $?"
grep '^warning:' err && fail "'$hint' warns"
grep -q 'seed: 6' hinted/vq.json || fail "the hint forgets --seed"
cmp -s one.vqs seeded.vqs && fail "--seed changes nothing"
run 0 calibrate "$tiny" -r hessian.yaml --data first.txt -o h1.vqs
run 0 calibrate "$tiny" -r hessian.yaml --data second.txt -o h2.vqs --json
one_object
out_has '"out":"h2.vqs","holds":"[a-z,]*hessian"'

run 0 inspect one.vqs
out_has '^  kind +statistics$'
out_has '^  samples +4$'
out_has '^  seed +5$'
out_has 'model.layers.3.mlp.down_proj +256 +256'
out_has 'model.layers.0.self_attn.k_proj +[0-9.e+]+ +[0-9.e+-]+'
run 0 inspect h1.vqs --json
one_object
out_has '"trace":[0-9.e+]+,"diag_min":'

# plan reads statistics as the run does: what they lack, and what they are not.
for command in plan 'quantize -o lacking'; do
    # shellcheck disable=SC2086
    refuse 3 'h1.vqs: holds no fisher,output, which the recipe needs' $command "$tiny" -r both.yaml --stats h1.vqs
    # shellcheck disable=SC2086
    refuse 3 'first.txt' $command "$tiny" -r both.yaml --stats first.txt
    # shellcheck disable=SC2086
    refuse 2 'fp8-static stores a calibrated input scale: --set calib.data=self, or' $command "$tiny" -r fp8 --set rules.0.use=fp8-static
done
run 0 quantize "$tiny" -r fp8 --set rules.0.use=fp8-static --set calib.data=required --set calib.samples=2 --data first.txt --set calib.seqlen=64 -o static -q

# How long samples would be is nothing to a run that takes none.
run 0 quantize "$tiny" -r hessian.yaml --stats h1.vqs --set calib.seqlen=100000 -o long -q
refuse 3 'first.txt' quantize "$tiny" -r hessian.yaml --stats first.txt --set calib.seqlen=100000 -o longer

# Statistics of a model of another shape are told by that, of plan too, before digests are looked at.
copy_model short
sed -i 's/"num_hidden_layers": 4/"num_hidden_layers": 3/' short/config.json
run 0 calibrate short -r hessian.yaml --data first.txt -o short.vqs -q
for command in plan 'quantize -o lacking'; do
    # shellcheck disable=SC2086
    refuse 3 'short.vqs: holds 3 blocks and the model has 4: made from another model$' $command "$tiny" -r hessian.yaml --stats short.vqs
    # shellcheck disable=SC2086
    run 3 $command short -r hessian.yaml --stats h1.vqs
    err_has 'h1.vqs > [0-9]+ of its [0-9]+ tensors belong to no linear of this model: made from another model$'
done
absent lacking
rm -r short short.vqs

# One file for several recipes: each takes what it asks for, and the bytes are those of its own file, also where a rounder makes use
# of whatever is there. What they must agree on is told.
refuse 2 'name.vqs/ is a folder; name a file with -o' calibrate "$tiny" -r hessian.yaml --data first.txt -o name.vqs/
refuse 2 '--merge adds up two statistics files or more' calibrate --merge -o none.vqs
refuse 2 'MODEL is missing' calibrate -r hessian.yaml -o none.vqs
recipe learned 'learned, steps: 4' | sed 's/^passes:/&\n  - {do: smooth}/' >learned.yaml
recipe means gptq | sed 's/^passes:/&\n  - {do: awq}/' >means.yaml
run 0 calibrate "$tiny" -r learned.yaml -r hessian.yaml -r means.yaml -r both.yaml --data first.txt -o union.vqs
out_has '^  holds +range,mean,hessian,fisher,output$'
sed -n 's/^next: //p' err >hints
[ "$(grep -cE '/vq quantize .* -r [a-z]+.yaml --stats union.vqs( --data first.txt)?$' hints)" = 4 ] || fail "not a command for each recipe"
[ "$(grep -cE ' -r (learned|means).yaml --stats union.vqs --data first.txt$' hints)" = 2 ] || fail "data where it is used, and only there"
while IFS= read -r hint; do
    bash -c "$hint -o hinted --force" >out 2>err || fail "'$hint' ends with $?"
    grep '^warning:' err && fail "'$hint' warns"
done <hints
for r in learned hessian means both; do
    run 0 calibrate "$tiny" -r $r.yaml --data first.txt -o alone-$r.vqs -q
    run 0 quantize "$tiny" -r $r.yaml --data first.txt --stats alone-$r.vqs -o alone-$r -q
    run 0 quantize "$tiny" -r $r.yaml --data first.txt --stats union.vqs -o shared-$r -q
    cmp -s {alone,shared}-$r/model.safetensors || fail "$r: shared statistics give other bytes than its own"
    rm -f alone-$r.vqs
done
run 0 quantize "$tiny" -r learned.yaml --data second.txt --stats union.vqs -o shared-learned -q -f
err_has '^warning: union.vqs: made from other samples'
refuse 4 'the sweep needs [0-9.]* MiB of memory and the limit is 8.0 MiB' calibrate "$tiny" -r both.yaml --data first.txt --mem-limit 8M -o small.vqs
refuse 3 'h1.vqs: holds no fisher,output, which the recipe needs: calibrate with -r of this recipe and of all' plan "$tiny" -r both.yaml --stats h1.vqs
recipe other gptq | sed 's/samples: 4/samples: 3/' >other.yaml
refuse 2 'hessian.yaml has calib.samples 4 and other.yaml 3, .* --set calib.samples=4 gives it to all$' calibrate "$tiny" -r hessian.yaml -r other.yaml --data first.txt -o unlike.vqs
recipe other gptq | sed 's/data: required/data: self/' >other.yaml
refuse 2 'hessian.yaml and other.yaml have another calib.data each' calibrate "$tiny" -r hessian.yaml -r other.yaml -o unlike.vqs
refuse 2 'plain.yaml: this recipe needs no statistics' calibrate "$tiny" -r hessian.yaml -r plain.yaml --data first.txt -o unlike.vqs
run 0 calibrate "$tiny" -r hessian.yaml -r other.yaml --data first.txt -o like.vqs --json
one_object
cmp -s like.vqs h1.vqs || fail "two recipes with the needs of one make another file"
absent unlike.vqs

# A recipe that needs none says so, and nothing is other than without.
run 0 quantize "$tiny" -r nvfp4a16 -o without -q
run 0 quantize "$tiny" -r nvfp4a16 --stats h1.vqs -o with
err_has '^warning: h1.vqs: the recipe needs no statistics; the file is not used \[data-unused\]$'
run 0 plan "$tiny" -r nvfp4a16 --stats h1.vqs --data first.txt
err_has '^warning: h1.vqs: the recipe needs no statistics; the file is not used \[data-unused\]$'
err_has '^warning: first.txt: the recipe gathers no statistics; the data is not used \[data-unused\]$'
refuse 2 'h1.vqs: statistics of the original model do not fit rotate' plan "$tiny" -r hessian.yaml --set 'passes=[{do: rotate}, {do: round, method: gptq, curvature: input}]' --stats h1.vqs
diff -r without with >out || fail "statistics that are not needed change the artifact"

run 0 calibrate --merge h1.vqs h2.vqs -o all.vqs
out_has '^  merged +2 files, 8 samples of 64 tokens$'
run 0 inspect all.vqs
out_has 'model.layers.0.self_attn.q_proj +128 +512'
recipe hessian 'gptq, curvature: input' | sed 's/^passes:/&\n  - {do: smooth}/' >more.yaml
run 0 calibrate "$tiny" -r more.yaml --data first.txt -o more.vqs
refuse 3 'more.vqs holds .*: --common merges what all files hold' calibrate --merge more.vqs h2.vqs -o common.vqs
refuse 3 'nothing in common' calibrate --merge one.vqs h2.vqs --common -o common.vqs
run 0 calibrate --merge more.vqs h2.vqs --common -o common.vqs
cmp -s all.vqs common.vqs || fail "what all files hold is not what it would be without the rest"
run 0 calibrate --merge h2.vqs h1.vqs -o all.vqs --force

refuse 2 'all.vqs exists already' calibrate --merge h1.vqs h2.vqs -o all.vqs
refuse 2 'one.vqs exists already' calibrate "$tiny" -r both.yaml --data first.txt -o one.vqs
refuse 3 'same data' calibrate --merge h1.vqs h1.vqs -o twice.vqs
refuse 3 'h1.vqs holds hessian, which have nothing in common: calibrate both' calibrate --merge h1.vqs one.vqs -o mixed.vqs
refuse 2 'belongs to --merge' calibrate "$tiny" -r both.yaml --data second.txt --common -o wrong.vqs
refuse 2 'two statistics files' calibrate --merge h1.vqs -o alone.vqs
refuse 2 'takes no recipe' calibrate --merge h1.vqs h2.vqs -r both.yaml -o wrong.vqs
refuse 2 'one argument too many' calibrate "$tiny" h1.vqs -r both.yaml -o wrong.vqs
refuse 2 'no output' calibrate "$tiny" -r both.yaml --data first.txt
refuse 2 'no recipe' calibrate "$tiny" -o none.vqs
refuse 2 'needs no statistics' calibrate "$tiny" -r plain.yaml --data first.txt -o none.vqs
refuse 2 'needs calibration text' calibrate "$tiny" -r both.yaml -o none.vqs
refuse 3 'samples of 64' calibrate "$tiny" -r both.yaml --data plain.yaml --set calib.samples=900 -o none.vqs
refuse 5 'none.vqs' calibrate "$tiny" -r both.yaml --data first.txt -o no/such/none.vqs
refuse 3 'no-such' calibrate --merge no-such.vqs h1.vqs -o none.vqs

head -c 30000 h1.vqs >short.vqs
refuse 3 'short.vqs > .*truncated' inspect short.vqs
cp h1.vqs flipped.vqs
poke flipped.vqs $(($(wc -c <flipped.vqs) - 5)) '\x55'
refuse 3 'flipped.vqs > its digest .* damaged' inspect flipped.vqs
refuse 3 'flipped.vqs > ' calibrate --merge flipped.vqs h2.vqs -o none.vqs

# A limit on the size of files stands in for a full disk.
(
    ulimit -f 100
    "$vq" calibrate "$tiny" -r hessian.yaml --data first.txt -o full.vqs >out 2>err
    echo $? >code
)
last_args="calibrate with a full disk"
[ "$(cat code)" = 4 ] || fail "exit code $(cat code), not 4"
err_has 'ulimit -f'
for left in none twice mixed alone wrong full; do absent $left.vqs; done
end_checks
