#!/usr/bin/env bash
# A run that is killed at any moment and resumed gives the bytes of one that was left alone; a resume with anything changed is refused.
. "$2/tests/cli/check.bash"
need_model

common="quantize $tiny --data $tiny/valid.txt --set calib.samples=4 --set calib.seqlen=64 --progress none"

# same NAME -- the artifact is the one of the undisturbed run.
same() {
    diff -r whole "$1" >/dev/null || fail "$1 is not the undisturbed artifact"
}

# until_done NAME -- resume, or start where nothing could be resumed, until the artifact stands.
until_done() {
    [ -e "$1" ] && return
    if [ -e "$1.run/state.json" ]; then run 0 $common -o "$1" $recipe --resume; else run 0 $common -o "$1" $recipe; fi
}

kills() { # kills RECIPE MOMENTS
    recipe="-r $1 --set calib.propagate=$3"
    rm -rf whole killed
    run 0 $common -o whole $recipe
    for i in $(seq "$2"); do
        rm -rf killed killed.run
        timeout -s KILL "0.$((RANDOM % 80 + 10))" "$vq" $common -o killed $recipe >/dev/null 2>&1
        until_done killed
        same killed
    done
}
kills arc-gptq 10 original
kills arc-gptq 10 quantized
kills gptq-int4 4 original
kills awq-int4 3 original
sed 's/do: round, method: gptq.*}/do: round, method: learned, steps: 4}/' "$2/recipes/gptq-int4.yaml" >learned.yaml
kills learned.yaml 4 original
kills learned.yaml 4 quantized

# killed during the sweep backwards, before the first part: the plain command does not throw the work away, what differs is named, and a
# resumed run continues below the layers that are done
sizes="--set calib.samples=48 --set calib.seqlen=128 --progress none"
common="quantize $tiny --data $tiny/valid.txt $sizes"
recipe="-r arc-gptq"
stop_in_sweep() { # stop_in_sweep NAME
    for try in 1 2 3 4 5; do
        rm -rf "$1" "$1.run"
        "$vq" $common -o "$1" $recipe >/dev/null 2>&1 &
        local pid=$!
        while [ ! -e "$1.run/layer-0002.vqs" ] && kill -0 $pid 2>/dev/null; do sleep 0.005; done
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ -e "$1.run/layer-0002.vqs" ] && [ ! -e "$1.run/part-0000" ] && return
    done
    fail "no kill hit the sweep"
}
rm -rf whole
run 0 $common -o whole $recipe
stop_in_sweep stopped
refuse 2 'stopped.run holds a stopped run; continue it with --resume' $common -o stopped $recipe
cp stopped.run/layer-0002.vqs good
printf 'x' | dd of=stopped.run/layer-0002.vqs bs=1 seek=$(($(wc -c <good) - 9)) conv=notrunc status=none
refuse 3 'stopped.run/layer-0002.vqs: not the statistics that the run wrote; start anew with --force$' $common -o stopped $recipe --resume
head -c 5000 good >stopped.run/layer-0002.vqs
refuse 3 'stopped.run/layer-0002.vqs: not the statistics that the run wrote; start anew with --force$' $common -o stopped $recipe --resume
rm -r stopped.run
stop_in_sweep stopped
refuse 2 'the stopped run had another recipe' $common -o stopped -r arc-gptq --set passes.0.max_fraction=0.5 --resume
refuse 2 'the stopped run had another data' quantize $tiny --data $tiny/test.txt $sizes -o stopped $recipe --resume
if [ "$(uname -m)" = x86_64 ]; then # products round sums as the kernel does that OpenBLAS takes
    OPENBLAS_CORETYPE=Nehalem refuse 2 'the stopped run had another BLAS kernel \(.*, now Nehalem, OpenBLAS' $common -o stopped $recipe --resume
fi
run 0 $common -o stopped $recipe --resume
err_has 'resuming the gradients below layer [12]'
same stopped

# Something takes the name meanwhile: it stays, and so does what is finished.
"$vq" $common -o taken $recipe >out 2>err &
pid=$!
while [ ! -e taken.run ] && kill -0 $pid 2>/dev/null; do sleep 0.005; done
mkdir taken && echo mine >taken/file
wait $pid
last_code=$?
[ $last_code = 2 ] || fail "exit $last_code where the name was taken meanwhile"
err_has 'taken exists already and vq did not write it; .*; the same command with --resume goes on$'
[ "$(cat taken/file)" = mine ] || fail "loses what took the name"
rm -r taken
run 0 $common -o taken $recipe --resume
same taken
rm -r taken
stop_in_sweep stopped
run 0 $common -o stopped $recipe --force
same stopped
refuse 2 'there is no stopped run to resume' $common -o nothing $recipe --resume

# What the model wrote for its calibration is not written again: alone, as a part of a mix, and anew where what was kept is damaged.
for data in "" "--data self --data $tiny/valid.txt"; do
    # shellcheck disable=SC2086
    own="quantize $tiny -r gptq-int4 --set calib.samples=16 --set calib.seqlen=128 $data --progress plain"
    rm -rf whole kept kept.run
    run 0 $own -o whole
    err_has 'tokens that the model writes itself'
    for damage in no yes; do
        rm -rf kept kept.run
        for try in 1 2 3 4 5 6; do
            rm -rf kept kept.run
            "$vq" $own --threads 1 -o kept >/dev/null 2>&1 &
            pid=$!
            while [ ! -e kept.run/part-0000 ] && kill -0 $pid 2>/dev/null; do sleep 0.002; done
            kill -KILL $pid 2>/dev/null
            wait $pid 2>/dev/null
            [ -e kept.run/state.json ] && break
        done
        [ -e kept.run/own-text.ids ] || fail "the model's text is not kept"
        [ $damage = no ] || poke kept.run/own-text.ids 40 '\x7\x7'
        run 0 $own -o kept --resume
        if [ $damage = no ]; then
            err_has 'calibrating on [0-9]+ x 128 tokens that the model wrote itself before'
            grep -q 'writing text' err && fail "writes the text again"
        else
            err_has 'tokens that the model writes itself'
        fi
        same kept
    done
done
rm -rf whole kept

# Ctrl-C says what was kept and the command that goes on, which works as it is printed.
mkdir 'a folder'
last_args='stopped in a folder with a space'
"$vq" $common -o 'a folder/out put' $recipe --set calib.samples=64 >out 2>err &
pid=$!
for _ in $(seq 600); do
    { [ -e 'a folder/out put.run/part-0000' ] || ! kill -0 $pid 2>/dev/null; } && break
    sleep 0.05
done
kill -INT $pid 2>/dev/null
wait $pid
if [ $? = 7 ]; then
    err_has 'stopped while .*; kept in a folder/out put.run: [0-9]+ of [0-9]+ parts'
    goes_on=$(sed -n '/^this goes on where it stopped:$/{n;p}' err)
    [ -n "$goes_on" ] || fail "does not say how to go on"
    bash -c "$goes_on" >out 2>err || fail "'$goes_on' ends with $?"
    [ -f 'a folder/out put/vq.json' ] || fail "'$goes_on' makes no artifact"
fi

# Before anything was finished (the model writes its text): nothing is promised, nothing is left, and --resume has nothing to go on with,
# with this recipe or another one, also where a killed run left its lock.
begun() { # begun SIGNAL -- a run that gets it while it writes its text
    rm -rf begun begun.run
    "$vq" quantize $tiny -r arc-gptq --set calib.samples=512 --progress plain -o begun >out 2>err &
    local pid=$!
    for _ in $(seq 1000); do
        grep -q 'writes itself' err && break
        sleep 0.01
    done
    kill -$1 $pid
    wait $pid 2>/dev/null
}
last_args='stopped while the model writes its text'
begun INT
code=$?
[ $code = 7 ] || fail "exit code $code, not 7"
err_has 'stopped while .*; nothing was finished yet'
err_has '^nothing was kept; this begins anew:'
grep -q -- --resume err && fail "speaks of --resume with nothing to go on with"
[ ! -e begun.run ] || fail "begun.run is left: $(ls begun.run)"
begun KILL
[ -e begun.run/vq.lock ] || fail "no lock of a killed run"
refuse 2 'there is no stopped run to resume; start without --resume' quantize $tiny -r arc-gptq --seed 4 -o begun --resume
[ ! -e begun.run ] || fail "begun.run is left: $(ls begun.run)"
end_checks
