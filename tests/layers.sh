#!/usr/bin/env bash
# The dependency law (docs/architecture.md): which room may include which, no circle between files, no folder over 30 files, who may print or end.
set -u
cd "$1/src" || exit 1
bad=0
complain() { echo "$1"; bad=1; }
# A room also includes itself and base. Anything not listed here is against the law.
may() {
    case $1 in
    base) echo ;;
    json | jinja | kernels | recipe) echo ;;
    text) echo json jinja ;;
    formats) echo json ;;
    model | quant) echo kernels ;;
    calib) echo kernels model formats ;;
    load) echo kernels formats json text model ;;
    edit) echo kernels formats model quant load ;;
    train) echo kernels model quant calib ;;
    plan) echo kernels formats text model quant calib recipe load edit train ;;
    run) echo json kernels formats text model quant calib recipe load edit train plan ;;
    report) echo json recipe quant calib plan run ;;
    cli) echo recipe quant load plan run report ;;
    *) echo "?" ;;
    esac
}
includes=$(grep -rnE '^#include "' --include='*.[ch]' --include='*.cu' . | sed 's/^\.\///; s/:[0-9]*:#include "/ /; s/".*//')
while read -r file header; do
    from=${file%%/*} to=${header%%/*}
    [ -e "$header" ] || complain "$file: $header does not exist"
    case " $from base $(may "$from") " in *" $to "*) ;; *) complain "$file: including $header goes against the layers" ;; esac
done <<<"$includes"
# A file is a .h with its .c: a circle between two of them means that they are one, or that a third is missing.
circle=$(sed 's/\.[ch] / /; s/\.[a-z]*$//' <<<"$includes" | awk '$1 != $2' | tsort 2>&1 >/dev/null | sed 's/^tsort: //')
[ -z "$circle" ] || complain "files that include each other: $circle"
while read -r folder; do
    n=$(find "$folder" -maxdepth 1 -type f | wc -l)
    [ "$n" -le 30 ] || complain "$folder holds $n files; 30 are a room"
done < <(find . -type d)
while read -r file; do
    n=$(wc -l <"$file")
    [ "$n" -le 500 ] || complain "$file has $n lines; 500 are enough"
done < <(find . -name '*.[ch]')
# Only cli ends the process, prints, or reads the environment.
if grep -rnE '\b(exit|printf|puts|getenv)\(' --include='*.c' . | grep -v '^\./cli/' | grep -vE '(sn|v|f|vsn)printf\('; then
    complain "only src/cli may print, exit or read the environment"
fi
dup=$(find . -name '*.[ch]' -printf '%f\n' | sort | uniq -d)
[ -z "$dup" ] || complain "file names must be unique: $dup"
exit $bad
