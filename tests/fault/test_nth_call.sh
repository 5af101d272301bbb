#!/usr/bin/env bash
# Whole commands whose n-th call of a kind fails, a few n of each; all of them: python3 tests/fault/walk.py build/release/vq . FAIL_NTH.so /tmp/walk
[ -f "${VQ_FAIL_NTH:-}" ] || { echo "SKIP: no library to preload (not built with sanitizers)"; exit 77; }
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ -f "$2/examples/models/tiny-llama/model.safetensors" ] || { echo "SKIP: no examples/models/tiny-llama"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$2/tests/fault/walk.py" "$1" "$2" "$VQ_FAIL_NTH" "$work/walk" --some 1 || exit 1
# An answer "no" that there is no memory to print; a folder that cannot be cleaned.
python3 "$2/tests/fault/walk.py" "$1" "$2" "$VQ_FAIL_NTH" "$work/ends" --only diff tokenize --kind malloc unlink --every 7000
