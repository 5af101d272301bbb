#!/bin/sh
# lint.sh -- format, clang-tidy and cppcheck over the sources; all of them have to be clean. Needs clang, clang-tidy, clang-format (14), cppcheck.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)

find src tests bench \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print0 | xargs -0 clang-format --dry-run -Werror

cmake -S . -B build/lint -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DVQ_TESTS=OFF >/dev/null
find src -name '*.c' -print0 | xargs -0 -P "$jobs" -n 4 clang-tidy -p build/lint --quiet 2>/dev/null

# cppcheck reads vectors as single numbers: the vector kernels are left to clang-tidy, the sanitizers and their tests against ref.
cppcheck -q -j "$jobs" --enable=warning,performance,portability --error-exitcode=1 --inline-suppr --std=c11 -I src -i src/kernels/simd src
echo "lint: clean"
