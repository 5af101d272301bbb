#!/bin/sh
# test.sh -- install what is missing, build, run every test; then all that are not long under the address and undefined-behaviour sanitizers
# (the long ones too: ctest --preset asan). Says in the end which tests were skipped, and why.
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh
# Several programs share the processors here: threads that wait must not spin.
export OMP_WAIT_POLICY=passive
jobs=$(nproc)
failed=0
# vq waits until the disk holds what it wrote: thousands of times here, and of no use for files that a test throws away. In memory, where that has a GiB
# to spare, the tests take a third less time.
if [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'END { print $4 }')" -gt 1048576 ]; then
    TMPDIR=$(mktemp -d /dev/shm/vq-tests.XXXXXX)
    chmod 755 "$TMPDIR" # some tests run vq as another user
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi

# tests PRESET ARGS... -- builds and runs; what was skipped goes to build/skipped, a line each, with the reason that the test gives.
tests() {
    preset=$1
    shift
    cmake --build --preset "$preset" -j "$jobs"
    ctest --preset "$preset" -j "$jobs" "$@" || failed=1
    awk -v preset="$preset" '/^[0-9]+\/[0-9]+ Testing: / { name = $3 } /SKIP: |SKIPPED.*\] / && !/test\(s\)/ { sub(/.*SKIP(: |[^]]*\] )/, ""); print preset, name ": " $0 }' \
        "build/$preset/Testing/Temporary/LastTest.log" >>build/skipped
}

cmake --preset release -DVQ_TESTS=ON
: >build/skipped
tests release
cmake --preset asan
tests asan -LE '^(long|model|examples|plans)$'
echo "skipped, all or in part: $(wc -l <build/skipped)"
sed 's/^/  /' build/skipped
exit $failed
