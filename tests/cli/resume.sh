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

# stopped: the plain command does not throw the work away, and what differs is named
recipe="-r arc-gptq"
for wait in 0.2 0.3 0.4 0.5 0.6 0.8 1.2; do
    rm -rf stopped stopped.run
    timeout -s KILL $wait "$vq" $common -o stopped $recipe >/dev/null 2>&1
    [ -e stopped.run/state.json ] && break
done
if [ -e stopped.run/state.json ] && [ ! -e stopped ]; then
    refuse 2 'stopped.run holds a stopped run; continue it with --resume' $common -o stopped $recipe
    refuse 2 'the stopped run had another recipe' $common -o stopped -r arc-gptq --set passes.0.max_fraction=0.5 --resume
    refuse 2 'the stopped run had another data' quantize $tiny --data $tiny/test.txt --set calib.samples=4 --set calib.seqlen=64 -o stopped $recipe --resume
    run 0 $common -o stopped $recipe --force
fi
refuse 2 'there is no stopped run to resume' $common -o nothing $recipe --resume
end_checks
