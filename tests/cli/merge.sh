#!/usr/bin/env bash
# Statistics files added up with shares: what counts how often, the same bytes for every order, nothing twice, and what is refused.
. "$2/tests/cli/check.bash"
need_model
cat >r.yaml <<'END'
vq: 1
name: r
about: "a recipe of the tests"
source: "tests"
calib: {data: required, seqlen: 64}
rules:
  - {match: {name: ["*"]}, use: nvfp4a16}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes:
  - {do: smooth}
  - {do: round, method: gptq, curvature: input}
output: {format: compressed-tensors}
END
run 0 calibrate "$tiny" -r r.yaml --set calib.samples=2 --data "$tiny/valid.txt" -o a.vqs
run 0 calibrate "$tiny" -r r.yaml --set calib.samples=2 --data "$tiny/test.txt" -o b.vqs
run 0 calibrate "$tiny" -r r.yaml --set calib.samples=4 --data "$tiny/train.txt" -o c.vqs

# rows FILE -- what it holds of its inputs.
rows() { "$vq" inspect "$1" | sed -n '/^groups/,$p'; }

# Shares as the samples are: the plain sum, and one file has the rest.
run 0 calibrate --merge a.vqs b.vqs c.vqs -o plain.vqs
out_has '^  merged +3 files, 8 samples of 64 tokens$'
out_has '^  shares +0.25, 2 samples: a.vqs$'
out_has '^ +0.5, 4 samples: c.vqs$'
run 0 calibrate --merge c.vqs 0.25:b.vqs 0.25:a.vqs -o said.vqs --json
one_object
out_has '"inputs":\[\{"path":"c.vqs",'
out_has '"files":3,"parts":\[\{"path":"c.vqs","samples":4,"share":0.5\},\{"path":"b.vqs","samples":2,"share":0.25\},'
cmp -s plain.vqs said.vqs || fail 'shares that say how many samples there are change something'

# Three quarters and one, of files with as many samples: 1.5 and 0.5 times what they hold, of the same 4 x 64 tokens.
run 0 calibrate --merge 0.75:a.vqs 0.25:b.vqs -o most.vqs
run 0 calibrate --merge 0.25:b.vqs a.vqs -o most2.vqs
cmp -s most.vqs most2.vqs || fail 'bytes depend on the order of files'
trace() { rows "$1" | awk '$1 == "model.layers.1.mlp.down_proj" && NF > 5 { print $6 }'; }
awk -v a="$(trace a.vqs)" -v b="$(trace b.vqs)" -v got="$(trace most.vqs)" 'BEGIN { want = 1.5 * a + 0.5 * b; exit !(want > 0 && got / want > 0.999 && got / want < 1.001) }' ||
    fail "trace $(trace most.vqs) of 1.5 x $(trace a.vqs) + 0.5 x $(trace b.vqs)"
run 0 inspect most.vqs
out_has '^  samples +4$'
out_has '^ +model.layers.1.mlp.down_proj +256 +256'
out_has '^parts \(2\)$'
out_has '^  [0-9a-f]{64} +2 +0.75$'
run 0 inspect most.vqs --json
out_has '"parts":\[\{"data":"[0-9a-f]{64}","samples":2,"share":0.[27]5\},'
for order in 'a b c' 'b a c' 'c b a'; do
    # shellcheck disable=SC2086
    set -- $order
    run 0 calibrate --merge "$1.vqs" "$2.vqs" "$3.vqs" -o again.vqs --force
    cmp -s plain.vqs again.vqs || fail 'bytes depend on the order of files'
done
for order in '0.1:a 0.2:b c' 'c 0.2:b 0.1:a' '0.2:b c 0.1:a'; do
    # shellcheck disable=SC2086
    set -- $order
    run 0 calibrate --merge "$1.vqs" "$2.vqs" "$3.vqs" -o again.vqs --force
    [ -e first.vqs ] || cp again.vqs first.vqs
    cmp -s first.vqs again.vqs || fail 'bytes depend on the order of shares'
done
run 0 quantize "$tiny" -r r.yaml --stats most.vqs -o artifact -q

# A merged file can be merged on, with nothing that is in it already.
run 0 calibrate --merge 0.5:most.vqs 0.5:c.vqs -o all.vqs
run 0 inspect all.vqs
out_has '^  [0-9a-f]{64} +4 +0.5$'
out_has '^  [0-9a-f]{64} +2 +0.375$'
refuse 3 'a.vqs: what it was made from .* is in most.vqs too, and would count twice' calibrate --merge most.vqs a.vqs -o no.vqs
refuse 3 'most.vqs: what it was made from .* is in all.vqs too, and would count twice' calibrate --merge all.vqs most.vqs -o no.vqs
refuse 3 'a.vqs: made from the same data as a.vqs' calibrate --merge 0.5:a.vqs 0.5:a.vqs -o no.vqs

# What shares can be.
refuse 2 'the shares of the files are 0.75 together, and must be 1' calibrate --merge 0.5:a.vqs 0.25:b.vqs -o no.vqs
refuse 2 'the shares of the files are 1.2 together, and must be 1' calibrate --merge 0.6:a.vqs 0.6:b.vqs -o no.vqs
refuse 2 'the shares of the files are 1 together, which leaves nothing to the files without a share' calibrate --merge 1:a.vqs b.vqs -o no.vqs
for share in -0.5 0 2 1e999 1e; do
    refuse 2 "^vq: error: $share:a.vqs: a share stands before the ':', a number from 1e-06 to 1$" calibrate --merge $share:a.vqs b.vqs -o no.vqs
done
refuse 2 '0.5:: no file behind the share' calibrate --merge 0.5: b.vqs -o no.vqs
refuse 2 'two statistics files' calibrate --merge 1:a.vqs -o no.vqs
refuse 3 'none.vqs: no such file' calibrate --merge 0.5:none.vqs 0.5:a.vqs -o no.vqs
refuse 2 'lie in each other' calibrate --merge 0.5:a.vqs 0.5:b.vqs -o a.vqs --force
absent no.vqs

# A file that is called like a share and a name is that file.
cp b.vqs 0.5:c.vqs
run 0 calibrate --merge a.vqs 0.5:c.vqs -o named.vqs
out_has '^ +0.5, 2 samples: 0.5:c.vqs$'

# The list of parts is covered by the digest: of the data, and that by the file's.
sed 's/:2:0.75/:2:0.76/' most.vqs >bent.vqs
refuse 3 'bent.vqs > metadata parts is not the list' inspect bent.vqs
end_checks
