#!/usr/bin/env bash
# Calibration data from several sources with shares: what is refused, how many tokens come from where, the same bytes for every number of threads.
. "$2/tests/cli/check.bash"
need_model
small='--set calib.samples=8 --set calib.seqlen=64'
cp "$tiny/train.txt" a.txt
cp "$tiny/valid.txt" b.txt

# bad MESSAGE ARGS... -- refused by plan, calibrate and quantize alike.
bad() {
    local message=$1 command
    shift
    for command in plan 'quantize -o result' 'calibrate -o result'; do
        # shellcheck disable=SC2086
        refuse 2 '' $command "$tiny" -r nvfp4-arc $small "$@"
        grep -qF -- "vq: error: $message" err || fail "does not say: $message"
        absent result
    done
}
bad 'the shares of the calibration data are 0.5 together, and must be 1' --data 0.5:a.txt
bad 'the shares of the calibration data are 1.2 together, and must be 1' --data 0.6:a.txt --data 0.6:b.txt
bad 'the shares of the calibration data are 1 together, which leaves nothing to the sources without a share' --data 0.6:a.txt --data 0.4:self --data b.txt
for share in -0.5 1e999 nan 50% 0,5 1e-7; do bad "$share:a.txt: a share stands before the ':', a number from 1e-06 to 1" --data $share:a.txt; done
bad "a.txt:0.5: a share stands before" --data a.txt:0.5
bad "half:self: a share stands before" --data half:self
bad '0.5:: no file behind the share' --data 0.5:
bad '--tokens self: ' --tokens self
bad 'b.txt: its share of 0.01 gives it none of the 8 calibration samples' --data a.txt --data 0.01:b.txt
bad '--set calib.data=[]:1:4: data: the list holds 0 sources' --set 'calib.data=[]'
bad '--set calib.data=[{from: a.txt, share: 0.25}]:1:4: data: the shares' --set 'calib.data=[{from: a.txt, share: 0.25}]'
bad '--set calib.data=[{from: a.txt, share: 0}, self]:1:' --set 'calib.data=[{from: a.txt, share: 0}, self]'
bad '--set calib.data=[{from: a.txt, weight: 1}]:1:19: unknown key "weight"' --set 'calib.data=[{from: a.txt, weight: 1}]'
: >empty.txt
# shellcheck disable=SC2086
refuse 3 'empty.txt: 0 tokens; 4 samples of 64 need 256' plan "$tiny" -r nvfp4-arc $small --data a.txt --data empty.txt
printf 'bad \377' >latin.txt
# shellcheck disable=SC2086
refuse 3 'latin.txt' plan "$tiny" -r nvfp4-arc $small --data a.txt --data latin.txt

# Twice the same text, by the same file or the same bytes.
cp a.txt copy.txt
for again in ./a.txt copy.txt; do bad "a.txt and $again hold the same text: give one of them" --data a.txt --data $again; done
# ... and before the model writes its own.
# shellcheck disable=SC2086
refuse 2 'hold the same text' quantize "$tiny" -r nvfp4-arc $small --data self --data a.txt --data copy.txt -o result -v
! grep -q 'the model writes itself' err || fail "wrote its own text first"
bad 'the calibration data name `self` 2 times' --data 0.5:self --data self
# JSON lines under another name: said, with what reads them.
sed 's/["\\]//g; s/.*/{"text": "&"}/' a.txt >lines.json
# shellcheck disable=SC2086
run 0 plan "$tiny" -r nvfp4-arc $small --data lines.json
err_has '^warning: lines.json: .*--set calib.kind=jsonl.* \[looks-like-jsonl\]$'
# shellcheck disable=SC2086
run 0 plan "$tiny" -r nvfp4-arc $small --data lines.json --set calib.kind=jsonl
err_empty

# Ids of 64 bits: each is followed by a zero.
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%c\1\1\1\1\1\1\1", 33 + i * i % 90 }' | LC_ALL=C tr '\1' '\0' >wide.ids
# shellcheck disable=SC2086
run 0 plan "$tiny" -r nvfp4-arc $small --tokens wide.ids
err_has '^warning: wide.ids: every second id is 0.* \[looks-like-int64\]$'
bad '--set calib.select=some: unknown select "some": one of spread, first, random' --data a.txt --set calib.select=some
bad 'the shares of the calibration data are 0.999999999 together' --data 0.999999999:a.txt --data b.txt

# A file that is called like a share and a name is that file.
cp a.txt 0.5:b
# shellcheck disable=SC2086
run 0 plan "$tiny" -r nvfp4-arc $small --data 0.5:b
out_has 'text +512 tokens 0.5:b$'

# Who gives how much: in plan, in the result and in vq.json.
mix="--data 0.5:a.txt --data b.txt --data self"
# shellcheck disable=SC2086
run 0 plan "$tiny" -r nvfp4-arc $small $mix
out_has 'text +256 tokens a.txt$'
out_has ' 128 tokens b.txt$'
out_has ' 128 tokens that the model writes itself$'
# shellcheck disable=SC2086
run 0 quantize "$tiny" -r nvfp4-arc $small $mix -o one -t 1
sha=$(sha256sum b.txt | cut -c1-64)
tr -d ' \n' <one/vq.json | grep -qF "{\"kind\":\"text\",\"sha256\":\"$sha\",\"tokens\":128},{\"kind\":\"self\",\"sha256\":\"\",\"tokens\":128}]" || fail "vq.json does not say what b.txt gave"
# shellcheck disable=SC2086
run 0 quantize "$tiny" -r nvfp4-arc $small $mix -o two -t 2
cmp -s one/model.safetensors two/model.safetensors || fail 'another number of threads gives other bytes'
# shellcheck disable=SC2086
run 0 quantize "$tiny" -r nvfp4-arc $small --set 'calib.data=[{from: a.txt, share: 0.5}, {from: b.txt, share: 0.25}, self]' -o three
cmp -s one/model.safetensors three/model.safetensors || fail 'the recipe and the command line give other bytes for the same sources'

# A list of one source is that source.
# shellcheck disable=SC2086
run 0 quantize "$tiny" -r nvfp4-arc $small --data 1:a.txt -o alone
# shellcheck disable=SC2086
run 0 quantize "$tiny" -r nvfp4-arc $small --data a.txt -o plain
cmp -s alone/vq.json plain/vq.json || fail 'a list of one source is not that source'
end_checks
