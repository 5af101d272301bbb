#!/usr/bin/env bash
# What every shipped recipe plans for tiny-llama, against committed text: a diff is a failure, a commit is consent.
# The snapshot leaves out what depends on the machine. UPDATE=1 writes them anew.
set -u
vq=$1 src=$2 bad=0
for recipe in "$src"/recipes/*.yaml; do
    name=$(basename "$recipe" .yaml)
    want=$src/tests/plans/snapshots/$name.txt
    got=$("$vq" plan --recipe "$recipe" "$src/examples/models/tiny-llama" | sed '/^  memory at most/,$d')
    if [ -n "${UPDATE:-}" ]; then printf '%s\n' "$got" >"$want"; fi
    if ! diff -u "$want" <(printf '%s\n' "$got"); then bad=1; fi
done
exit $bad
