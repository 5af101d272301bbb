#!/usr/bin/env bash
# Outputs appear whole or not at all: one that exists, no space, a folder that cannot be written, limits, signals.
. "$2/tests/cli/check.bash"
need_model
model=$tiny/model.safetensors

mkdir taken && echo mine >taken/file
refuse 2 'taken exists already.*--force' quantize "$model" -r nvfp4a16 -o taken
[ "$(cat taken/file)" = mine ] || fail "touches an output that exists"
echo mine >plain-file
refuse 2 'plain-file exists' quantize "$model" -r nvfp4a16 -o plain-file
run 0 quantize "$model" -r nvfp4a16 -o again
run 2 quantize "$model" -r nvfp4a16 -o again
run 0 quantize "$model" -r nvfp4a16 -o again --force
run 0 verify again

# --force replaces what vq wrote, never a folder of something else or the model itself.
refuse 2 'taken' quantize "$model" -r nvfp4a16 -o taken --force
[ "$(cat taken/file)" = mine ] || fail "--force removes a folder that vq did not write"
copy_model own
refuse 2 'own' quantize own -r nvfp4a16 -o own --force
[ -f own/model.safetensors ] || fail "--force removes the model"

refuse 5 'no/such/folder' quantize "$model" -r nvfp4a16 -o no/such/folder/out
refuse 4 'limit' quantize "$model" -r nvfp4a16 -o small --mem-limit 100K
absent small

# A full disk.
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=200k tmpfs disk 2>/dev/null; then
    refuse 4 '[Ss]pace|disk' quantize "$model" -r nvfp4a16 -o disk/out
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
for signal in INT TERM; do
    for delay in 0.02 0.1 0.3 0.6; do
        (
            trap - INT TERM
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
            absent stopped
            grep -q '^vq: error: ' err || fail "no error line"
            ;;
        0) rm -rf stopped ;; # it was done before the signal came
        130 | 143) ;;       # the signal came before vq listened
        *) fail "exit code $code, not 7" ;;
        esac
        [ ! -e stopped ] || fail "an output under the final name"
    done
done
end_checks
