#!/bin/sh
# test.sh -- install what is missing, build, run every test; then all that are not long under the address and undefined-behaviour sanitizers
# (the long ones too: ctest --preset asan).
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh
# Several programs share the processors here: threads that wait must not spin.
export OMP_WAIT_POLICY=passive
jobs=$(nproc)

cmake --preset release -DVQ_TESTS=ON
cmake --build --preset release -j "$jobs"
ctest --preset release -j "$jobs"

cmake --preset asan
cmake --build --preset asan -j "$jobs"
ctest --preset asan -j "$jobs" -LE '^(long|model|examples|plans)$'
