#!/usr/bin/env bash
# Inputs that went wrong once, each with what is right: $VQ_SHARED/cases/*/run.sh ends with 0, cases/faults/*/run.sh says FIXED.
. "$2/tests/cli/check.bash"
[ -n "${VQ_SHARED:-}" ] || { echo "SKIP: no cases (set VQ_SHARED)"; exit 77; }
ls "$VQ_SHARED"/cases/[0-9]*/run.sh >/dev/null || { echo "FAIL: $VQ_SHARED/cases is missing or empty, and its root is named"; exit 1; }
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
export VQ=$vq VQ_ASAN=$vq REPO=$source_dir
for case in "$VQ_SHARED"/cases/[0-9]*/ "$VQ_SHARED"/cases/faults/[0-9]*/; do
    last_args=$case
    bash "$case/run.sh" >out 2>err </dev/null
    code=$?
    case $case in
    */05-gpt2-conv1d/) [ "$(grep -c 'exit 2' out)" = 2 ] || fail "Conv1D is not refused" ;; # its script looks for the artifact of a run that is refused
    */faults/*) [ "$(tail -1 out)" = FIXED ] || fail "not right" ;;
    *) [ $code = 0 ] || fail "not right" ;;
    esac
done
end_checks
