#!/bin/sh
# valgrind.sh [BUILD] -- every unit test of a debug build (default build/debug) under memcheck: no bad access, no definite leak. Left out are
# two that look at the process itself: what memory it has (test_arena), and what it does at a page that is gone (test_map).
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/debug}
# memcheck runs one thread at a time: more of them only wait for each other.
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
bad=0
for source in tests/unit/*/test_*.c; do
    name=$(basename "$source" .c)
    case $name in test_arena | test_map) continue ;; esac
    code=0
    valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
        "$build/tests/$name" >"$build/$name.valgrind" 2>&1 || code=$?
    [ "$code" = 0 ] || [ "$code" = 77 ] || { bad=1; echo "$name: exit code $code"; grep -E '^==|FAILED|ERROR' "$build/$name.valgrind" | head -40; }
done
[ "$bad" = 0 ] && echo "valgrind: clean"
exit "$bad"
