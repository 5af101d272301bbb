#!/usr/bin/env bash
# The dependency law: a file of src includes only headers of its own folder, of base, and of folders on a lower line (docs/architecture.md).
set -u
cd "$1/src" || exit 1
line() { case $1 in base) echo 0 ;; kernels | formats) echo 1 ;; model) echo 2 ;; calib | quant) echo 3 ;; recipe) echo 4 ;; run) echo 5 ;; cli) echo 6 ;; *) echo 99 ;; esac; }
bad=0
while IFS=: read -r file _ text; do
    from=${file%%/*}
    to=$(sed -n 's/^#include "\([a-z0-9]*\)\/.*/\1/p' <<<"$text")
    ok=1
    if [ -z "$to" ] || [ "$(line "$to")" = 99 ]; then ok=0; fi
    if [ "$to" != "$from" ] && [ "$to" != base ] && [ "$(line "$to")" -ge "$(line "$from")" ]; then ok=0; fi
    case $from-$to in quant-model | quant-formats | model-formats | recipe-model | recipe-quant | recipe-calib | recipe-kernels | recipe-formats) ok=0 ;; esac
    if [ $ok = 0 ]; then echo "$file: $text goes against the layers"; bad=1; fi
done < <(grep -rnE '^#include "' --include='*.[ch]' --include='*.cu' . | sed 's/^\.\///')
# Only cli ends the process, prints, or reads the environment.
if grep -rnE '\b(exit|printf|puts|getenv)\(' --include='*.c' base formats kernels model calib quant recipe run | grep -vE '(sn|v|f|vsn)printf\('; then
    echo "only src/cli may print, exit or read the environment"; bad=1
fi
dup=$(find . -name '*.[ch]' -printf '%f\n' | sort | uniq -d)
if [ -n "$dup" ]; then echo "file names must be unique: $dup"; bad=1; fi
exit $bad
