#!/usr/bin/env bash
# Progress on stderr: plain lines where stderr is no terminal, bars on demand, JSON lines, nothing; stdout never changes.
. "$2/tests/cli/check.bash"
need_model
quantize="quantize $tiny/model.safetensors -r nvfp4a16 -o artifact --force"
escape=$(printf '\033')

run 0 $quantize
err_has '^quantizing 0/28  0%$'
[ "$(grep -c '%' err)" -le 2 ] || fail "more than a line every ten seconds"
grep -q "$escape" err && fail "plain lines have escapes"
grep -q "$(printf '\r')" err && fail "plain lines have carriage returns"
sed -E '/^  took/d' out >plain.out

run 0 $quantize --progress none
grep -qE '[0-9]+/[0-9]+' err && fail "--progress none shows progress"
sed -E '/^  took/d' out | cmp -s - plain.out || fail "stdout depends on --progress"
run 0 $quantize -q
err_empty
run 0 verify artifact
[ "$(wc -l <err)" -le 1 ] || fail "verify says a line per tensor"
# A run of several stages: time left of the whole, from the first line on.
run 0 quantize $tiny -r nvfp4 --set calib.samples=2 --set calib.seqlen=32 --data $tiny/train.txt -o staged --force
err_has '^[a-z ]+.* [0-9]+%  [0-9:]+ left$'
# One job also where calibrate writes its own text first: what is done of it never falls.
run 0 calibrate $tiny -r best-4bit --set calib.samples=16 --set calib.seqlen=256 -o staged.vqs --progress tty
tr '\r' '\n' <err | sed -nE 's/^.*(writing text|gradients) .* ([0-9]+)%  .*/\1 \2/p' >bars
awk '$NF < most { exit 1 } { most = $NF; phases[$1] = 1 } END { exit length(phases) != 2 }' bars || fail "falls, or is not both: $(tr '\n' ';' <bars)"
# An estimate before the work; the window is the model's context where that is shorter than 2048.
run 0 eval ppl artifact --data $tiny/test.txt --max-windows 2
err_has '^2 windows of 512 tokens: (about|under) [0-9.]+ s on idle cores$'
out_has '1022 tokens in 2 windows of 512'
run 0 eval ppl artifact --data $tiny/test.txt --max-windows 2 --json -q
out_has '"windows":2,"window":512'
err_empty
run 0 $quantize --progress json
grep -E '^\{"event":"progress","phase":"[^"]+","done":[0-9]+,"total":[0-9]+,"seconds":' err >lines || fail "no JSON lines"
grep -vE '^\{"event":"' err && fail "talk that is not JSON"
# A signal is an object, too.
(
    trap - INT
    exec "$vq" eval ppl "$tiny" --data "$tiny/train.txt" --window 257 --stride 8 --progress json >out 2>err
) &
pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '"evaluating"' err; do sleep 0.01; done
kill -INT $pid
wait $pid
code=$? last_args='eval ppl --progress json, SIGINT'
[ $code = 7 ] || fail "exit code $code, not 7"
err_has '^\{"event":"line","text":"stopping at the next step; once more to stop at once"\}$'
grep -vE '^\{"event":"' err && fail "talk that is not JSON"
run 0 $quantize --progress tty
grep -q "$escape\[K" err || fail "no bar"
tr '\r' '\n' <err | grep -v 'next: ' | awk 'length > 84 { exit 1 }' || fail "a bar is wider than the terminal"
grep -q "%" <(tail -1 err | sed "s/.*$escape\[K//") && fail "a bar stays behind"
[ "$(grep -c "$escape\[K" err)" -le 2 ] || fail "a line is left at a change of the phase"
grep -q "$escape\[3" err && fail "colour although stderr is no terminal"
export VQ_PROGRESS=none
run 0 $quantize
grep -qE '[0-9]+/[0-9]+' err && fail "VQ_PROGRESS=none shows progress"
run 0 $quantize --progress plain
err_has '[0-9]+/[0-9]+'
unset VQ_PROGRESS

# On a terminal: a bar; TERM=dumb: plain lines; NO_COLOR: no colour.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    on_terminal() { script -qec "$1 '$vq' $quantize" /dev/null </dev/null >err 2>&1; }
    last_args='on a terminal'
    on_terminal 'TERM=xterm'
    grep -q "$escape\[32m" err || fail "no coloured bar"
    on_terminal 'TERM=xterm NO_COLOR=1'
    grep -q "$escape\[K" err || fail "no bar with NO_COLOR"
    grep -q "$escape\[32m" err && fail "colour with NO_COLOR"
    on_terminal 'TERM=dumb'
    grep -q "$escape" err && fail "escapes with TERM=dumb"
fi
end_checks
