#!/usr/bin/env bash
# address_space.sh VQ REPO -- under limits on address space every command ends: done, or exit 4 with one line that says so.
set -uo pipefail
unset OMP_WAIT_POLICY OPENBLAS_NUM_THREADS OMP_STACKSIZE OPENBLAS_CORETYPE # as a user starts it
vq=$1 model=$2/examples/models/tiny-llama
grep -q __asan_init "$vq" && { echo "AddressSanitizer reserves address space of its own"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refused=0

# limited KIB COMMAND...
limited() {
    (ulimit -v "$1" && shift && exec timeout -s KILL 60 "$vq" "$@") >"$work/log" 2>&1
    local code=$?
    [ $code = 4 ] && grep -q 'ulimit -v' "$work/log" && refused=$((refused + 1)) && return
    [ $code = 0 ] && return
    echo "ulimit -v $1, vq ${*:2}: exit $code"
    cat "$work/log"
    exit 1
}

# Where OpenBLAS could start no thread, it would end the program before main.
for kib in $(seq 52000 1500 60000); do limited $kib version --json; done

for kib in 150000 180000 200000 250000 3000000; do
    limited $kib version
    limited $kib doctor --threads 2
    limited $kib plan -r nvfp4a16 "$model"
    limited $kib plan -r gptq-int4 --threads 2 "$model"
    limited $kib eval ppl --threads 2 --data "$model/valid.txt" --window 32 --max-windows 1 "$model"
done

# Little above what OpenBLAS asks for: what comes after must not take its room, and it must not wait for that for ever.
"$vq" tokenize "$model" --data "$model/valid.txt" -o "$work/ids" -q
for kib in $(seq 329000 3001 341000); do # the stack of the first thread grows where others take the room
    limited $kib quantize "$model" -r gptq-nvfp4 --tokens "$work/ids" --set calib.samples=2 --set calib.seqlen=64 --threads 2 -q -f -o "$work/q"
done
for kib in $(seq 180000 5000 215000); do
    for threads in 1 2; do
        limited $((kib + (threads - 1) * 131072)) calibrate "$model" -r best-4bit --tokens "$work/ids" --set calib.samples=2 --set calib.seqlen=64 --threads $threads -q -f -o "$work/s.vqs"
    done
done

# Stacks: of the first thread, which only the system can make larger, and of the others.
small=(quantize "$model" -r gptq-nvfp4 --tokens "$work/ids" --set calib.samples=2 --set calib.seqlen=64 -q)
(ulimit -s 512 && exec "$vq" "${small[@]}" -o "$work/a") >"$work/log" 2>&1
code=$?
[ $code = 0 ] || { [ $code = 4 ] && grep -q 'ulimit -s' "$work/log"; } || { echo "ulimit -s 512: exit $code"; cat "$work/log"; exit 1; }
OMP_STACKSIZE=128K "$vq" "${small[@]}" -o "$work/b" --threads 2 >"$work/log" 2>&1 || { echo "OMP_STACKSIZE=128K: exit $?"; cat "$work/log"; exit 1; }
[ "$refused" -gt 0 ] || { echo "no limit was too small: the test tests nothing"; exit 1; }
