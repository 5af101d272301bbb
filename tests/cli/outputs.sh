#!/usr/bin/env bash
# Outputs appear whole or not at all: one that exists, no space, a folder that cannot be written, limits, signals.
. "$2/tests/cli/check.bash"
need_model
model=$tiny/model.safetensors

mkdir taken && echo mine >taken/file
refuse 2 'taken exists already and vq did not write it.*: move it, or choose another folder with -o$' quantize "$model" -r nvfp4a16 -o taken
[ "$(cat taken/file)" = mine ] || fail "touches an output that exists"
echo mine >plain-file
refuse 2 'plain-file exists' quantize "$model" -r nvfp4a16 -o plain-file
run 0 quantize "$model" -r nvfp4a16 -o again
refuse 2 'again exists already; remove it, .*replace it with --force$' quantize "$model" -r nvfp4a16 -o again
run 0 quantize "$model" -r nvfp4a16 -o again --force
run 0 verify again

# An empty folder may be taken; one that somebody fills meanwhile stays.
mkdir made && chmod 700 made
run 0 quantize "$model" -r nvfp4a16 -o made
run 0 verify made
[ ! -e made.run ] || fail "made.run is left"
mkdir linked-to && ln -s linked-to link
refuse 2 'link exists' quantize "$model" -r nvfp4a16 -o link
mkdir filled
"$vq" quantize "$model" -r nvfp4-arc -o filled >out 2>err &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -e filled.run/artifact ]; do sleep 0.01; done
echo mine >filled/file
wait $pid && fail "takes a folder that was filled"
[ "$(cat filled/file)" = mine ] && [ "$(ls filled)" = file ] || fail "touches what was put in"
for dot in . ./ .. made/.; do refuse 2 'a folder of its own.*name one inside, -o .*/NAME' quantize "$model" -r nvfp4a16 -o $dot; done
refuse 2 'mounted there.*a folder inside it with -o' quantize "$model" -r nvfp4a16 -o /proc

# --force replaces what vq wrote, never a folder of something else or the model itself.
refuse 2 'taken' quantize "$model" -r nvfp4a16 -o taken --force
[ "$(cat taken/file)" = mine ] || fail "--force removes a folder that vq did not write"
copy_model own
refuse 2 'own' quantize own -r nvfp4a16 -o own --force
[ -f own/model.safetensors ] || fail "--force removes the model"


# Only what vq.json lists goes, and only where nobody put anything in between.
cp -r again mixed
mkdir mixed/mine && echo mine >mixed/mine/file
refuse 2 'mixed.*does not list mine' quantize "$model" -r nvfp4a16 -o mixed --force
[ "$(cat mixed/mine/file)" = mine ] || fail "--force removes what vq.json does not list"
cp -r again edited
run 0 quantize "$model" -r mxfp4 -o edited --force
for file in generation_config.json vq.json; do
    echo >>edited/$file && cp edited/$file mine
    refuse 2 "edited/$file was changed after vq wrote it; .*move or remove edited, or choose" quantize "$model" -r nvfp4a16 -o edited --force
    cmp -s mine edited/$file || fail "--force loses an edit of $file"
    truncate -s -1 edited/$file
done
[ ! -e edited.run ] || fail "edited.run is left"
mv edited/model.safetensors elsewhere && ln -s ../elsewhere edited/model.safetensors
refuse 2 'edited/model.safetensors was changed after vq wrote it' quantize "$model" -r nvfp4a16 -o edited --force
[ -L edited/model.safetensors ] || fail "--force removes a link of somebody's"
mv elsewhere edited/model.safetensors
run 0 quantize "$model" -r nvfp4a16 -o edited --force
mkdir aside && echo mine >aside/file && ln -s aside linked.run
refuse 2 'linked.run' quantize "$model" -r nvfp4a16 -o linked.run --force
refuse 2 'linked.run' quantize "$model" -r nvfp4a16 -o linked
mkdir theirs.run && echo mine >theirs.run/file
refuse 2 'theirs.run/file: vq did not make it' quantize "$model" -r nvfp4a16 -o theirs
[ "$(cat aside/file theirs.run/file)" = "$(printf 'mine\nmine')" ] || fail "removes files that vq did not make"

# What somebody puts into vq's folder while it works, or after it stopped, is neither handed on nor lost.
long="quantize $tiny -r gptq-nvfp4 --data $tiny/train.txt --set calib.samples=64 --set calib.seqlen=256 -t 1"
begin() { # begin OUT FILE -- a run in the background, up to the moment when it has made FILE
    last_args="$long -o $1"
    "$vq" $long -o "$1" --json >out 2>err &
    pid=$!
    while kill -0 $pid 2>/dev/null && [ ! -e "$1.run/$2" ]; do sleep 0.005; done
}
kept() { [ "$(cat "$1")" = mine ] || fail "$1 is lost"; }
begin put artifact
mkdir put.run/artifact/sub && echo mine >put.run/artifact/sub/notes
wait $pid
code=$?
[ $code = 5 ] || fail "exit code $code, not 5"
err_has 'put.run/artifact/sub/notes: vq did not write it.*--resume goes on'
[ ! -e put ] || fail "hands on what it did not write"
for again in --resume --force; do
    refuse 2 'put.run/artifact/sub/notes: vq did not make it' $long -o put $again
    kept put.run/artifact/sub/notes
done
rm put.run/artifact/sub/notes
for part in part-0000 part-0003; do
    echo mine >put.run/$part/precious
    for again in --resume --force; do
        refuse 2 "put.run/$part/precious: vq did not make it" $long -o put $again
        kept put.run/$part/precious
    done
    rm put.run/$part/precious
done
run 0 $long -o put --resume
[ ! -e put.run ] || fail "put.run is left: $(find put.run)"
run 0 verify put
[ ! -e put/sub ] || fail "hands on a folder that it did not make"
begin beside artifact
echo mine >beside.run/notes
wait $pid || fail "fails for a file beside its own"
out_has '"code":"run-folder-left","where":"beside.run","text":"beside.run/notes: '
[ "$(ls beside.run)" = notes ] || fail "leaves more than what is not its own: $(ls beside.run)"
kept beside.run/notes
diff -r put beside >/dev/null || fail "a resumed run makes other bytes"

# Nor is it when it has a name that vq gives: put there before vq comes to it, or in a run that was stopped.
begin named artifact
mkdir named.run/part-0002
names='artifact/config.json artifact/config.json.part artifact/model.safetensors artifact/tokenizer.json artifact/vq.json layer-0001.vqs part-0002/model.safetensors'
for name in $names; do echo mine >"named.run/$name"; done
wait $pid
code=$?
[ $code = 5 ] || fail "exit code $code, not 5"
err_has 'named.run/part-0002/model.safetensors: vq did not write it'
for name in $names; do
    for again in --resume --force; do
        refuse 2 "named.run/$name: vq did not make it" $long -o named $again
        kept "named.run/$name"
    done
    rm "named.run/$name"
done
"$vq" $long -o named --resume >out 2>err &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -e named.run/part-0003 ]; do sleep 0.005; done
echo mine >named.run/artifact/config.json
wait $pid
code=$?
[ $code = 5 ] || fail "exit code $code, not 5"
err_has 'named.run/artifact/config.json: vq did not write it.*--resume goes on'
kept named.run/artifact/config.json
rm named.run/artifact/config.json
run 0 $long -o named --resume
diff -r put named >/dev/null || fail "a resumed run makes other bytes"

# A run that is killed while it copies what lies beside the weights leaves nothing that a run with another model takes for somebody's.
copy_model many
for i in $(seq 300); do echo '{}' >many/sidecar-$i.json; done
for i in 1 2 3; do
    rm -rf killed killed.run
    "$vq" quantize many -r nvfp4a16 -o killed >out 2>err &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! ls killed.run/artifact/sidecar* >/dev/null 2>&1; do :; done
    kill -KILL $pid
    wait $pid 2>/dev/null
    last_args="quantize, killed among $(ls killed.run/artifact | wc -l) files"
    [ -e killed.run/artifact/vq.json ] || break
done
[ -e killed.run/artifact ] || fail "no kill hit the copying"
run 0 quantize "$model" -r nvfp4a16 -o killed --force
[ ! -e killed.run ] || fail "killed.run is left: $(find killed.run | head -5)"
run 0 verify killed

# What fails before the work leaves nothing, and says which limit it was.
last_args='under ulimit -n 4'
# shellcheck disable=SC2016
bash -c 'for fd in {3..30}; do eval "exec $fd>&-"; done; ulimit -n 4 && exec "$@"' bash "$vq" $long -o few >out 2>err
code=$?
[ $code = 5 ] || fail "exit code $code, not 5"
err_has 'ulimit -n'
absent few

# Outputs and inputs do not lie in each other.
cp -r own again/inside
refuse 2 'again' quantize again/inside -r nvfp4a16 -o again --force
[ -f again/inside/model.safetensors ] || fail "--force removes the model inside the output"
refuse 2 'lie in each other' quantize own -r nvfp4a16 -o own/out
mkdir text && cp "$tiny/valid.txt" text/
refuse 2 'lie in each other' quantize "$model" -r nvfp4-arc --data text/valid.txt -o text --force
rm -r again

# Two runs into one output: one is right, the other one says so and whose it is.
for pair in 1 2 3 4 5 6; do
    "$vq" quantize "$model" -r nvfp4a16 -o raced >out1 2>err1 &
    "$vq" quantize "$model" -r mxfp4 -o raced >out2 2>err2
    second=$?
    wait $!
    first=$?
    last_args="quantize, two into one output"
    case $first$second in
    02 | 20) cat err1 err2 | grep -qE 'vq: error: raced(.run/vq.lock: process [0-9]+ is at work| exists already)' || fail "the loser does not say why" ;;
    *) fail "exit codes $first and $second" ;;
    esac
    want=nvfp4a16
    [ $second = 0 ] && want=mxfp4
    grep -q "name: $want" raced/vq.json || fail "not the winner's artifact"
    [ ! -e raced.run ] || fail "raced.run is left"
    run 0 verify raced
    rm -r raced
done

refuse 5 'no/such/folder.*folder that it would be in' quantize "$model" -r nvfp4a16 -o no/such/folder/out
refuse 4 'limit' quantize "$model" -r nvfp4a16 -o small --mem-limit 100K
absent small

# A full disk.
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=200k tmpfs disk 2>/dev/null; then
    refuse 4 '[Ss]pace|disk' quantize "$model" -r nvfp4a16 -o disk/out
    absent disk/out
    # block by block: what the whole run needs is asked before its first part
    mount -o remount,size=700k disk
    refuse 4 'out.run/artifact: [0-9]+ bytes are needed' quantize "$model" -r nvfp4-arc -o disk/out
    absent disk/out
    umount disk
fi
(
    ulimit -f 100
    "$vq" quantize "$model" -r nvfp4a16 -o limited >out 2>err
    echo $? >code
)
last_args='under ulimit -f'
grep -qE '^[45]$' code || fail "exit code $(cat code), not 4 or 5"
grep -q '^vq: error: ' err || fail "no error line"
absent limited

# A signal while it runs: exit code 7, nothing under the name; a second one ends it at once.
for signal in INT TERM HUP; do
    for delay in 0.02 0.2; do
        (
            trap - INT TERM HUP
            exec "$vq" quantize "$model" -r nvfp4-arc -o stopped >out 2>err
        ) &
        pid=$!
        sleep $delay
        kill -$signal $pid 2>/dev/null
        wait $pid
        code=$?
        last_args="quantize, SIG$signal after $delay s"
        case $code in
        7)
            [ ! -e stopped ] || fail "an output under the final name"
            resume=
            [ ! -e stopped.run ] || resume=--resume
            grep -q -- " quantize $resume" err || fail "does not say how to go on"
            run 0 quantize "$model" -r nvfp4-arc -o stopped $resume
            [ ! -e stopped.run ] || fail "stopped.run is left"
            rm -r stopped
            ;;
        0) rm -rf stopped ;; # it was done before the signal came
        129 | 130 | 143) ;;      # the signal came before vq listened
        *) fail "exit code $code, not 7" ;;
        esac
        [ ! -e stopped ] || fail "an output under the final name"
    done
done
end_checks
