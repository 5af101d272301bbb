#!/bin/sh
# fuzz.sh [RUNS [NAME ...]] -- builds the libFuzzer targets (clang) with the address and undefined-behaviour sanitizers and runs each RUNS times
# (100,000) from tests/fuzz/corpus, one after the other. No input may take more than 5 seconds or 1 GiB. What libFuzzer found worth keeping lies
# in build/fuzz/corpus, inputs that broke something in build/fuzz/findings.
set -eu
cd "$(dirname "$0")/.."
runs=${1:-100000}
[ $# = 0 ] || shift
names=${*:-$(ls tests/fuzz/test_fuzz_*.c | sed 's/.*test_fuzz_//; s/\.c$//')}
cmake --preset fuzz -DVQ_TESTS=ON >build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p build/fuzz/findings
failed=0
for name in $names; do
    cmake --build --preset fuzz -j "$(nproc)" --target "test_fuzz_$name" >build/fuzz.log 2>&1 || { tail -30 build/fuzz.log; exit 1; }
    mkdir -p "build/fuzz/corpus/$name"
    log=build/fuzz/$name.log
    begin=$(date +%s)
    build/fuzz/tests/"test_fuzz_$name" -runs="$runs" -timeout=5 -rss_limit_mb=1024 -max_len=65536 -seed=1 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 && verdict=sound || verdict=BROKEN failed=1
    awk -v name="$name" -v seconds=$(($(date +%s) - begin)) -v verdict=$verdict '/number_of_executed_units/ { runs = $2 } /slowest_unit_time/ { slow = $2 }
        /peak_rss_mb/ { peak = $2 } / cov: / { cov = $4 } END { printf "%-14s %s: %d runs in %d s, %d edges, slowest %d s, %d MB at most\n", name, verdict, runs, seconds, cov, slow, peak }' "$log"
    [ $verdict = sound ] || grep -E 'ERROR|SUMMARY|Test unit written|assert' "$log" || tail -5 "$log"
done
exit $failed
