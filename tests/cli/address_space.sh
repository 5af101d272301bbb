#!/usr/bin/env bash
# address_space.sh VQ REPO -- under limits on address space every command ends: done, or exit 4 with one line that says so.
set -uo pipefail
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

for kib in 150000 180000 200000 250000 3000000; do
    limited $kib version
    limited $kib doctor --threads 2
    limited $kib plan -r nvfp4a16 "$model"
    limited $kib plan -r gptq-int4 --threads 2 "$model"
    limited $kib eval ppl --threads 2 --data "$model/valid.txt" --window 32 --max-windows 1 "$model"
done
[ "$refused" -gt 0 ] || { echo "no limit was too small: the test tests nothing"; exit 1; }
