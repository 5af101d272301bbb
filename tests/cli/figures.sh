#!/usr/bin/env bash
# The tables of README.md and docs/results.md and the "# measured" lines of recipes are those that docs/results.csv gives.
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
python3 "$2/scripts/results.py" --check
