#!/usr/bin/env bash
# 200 structured changes of small inputs, a command on each (scripts/mutate.py; more by hand, under the address sanitizer).
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
python3 "$2/scripts/mutate.py" "$1" 200
