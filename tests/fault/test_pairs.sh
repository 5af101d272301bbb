#!/usr/bin/env bash
# Ten pairs of runs at once of each kind; 200: python3 tests/fault/pairs.py build/release/vq . /tmp/pairs
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ -f "$2/examples/models/tiny-llama/model.safetensors" ] || { echo "SKIP: no examples/models/tiny-llama"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$2/tests/fault/pairs.py" "$1" "$2" "$work/pairs" --pairs 10 --flips 3
