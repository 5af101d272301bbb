#!/usr/bin/env bash
# The same artifact, byte for byte, from one and two threads: every shipped recipe that calibrates, and passes that none of them has.
. "$2/tests/cli/check.bash"
need_model
unset OMP_WAIT_POLICY OPENBLAS_NUM_THREADS OMP_STACKSIZE OPENBLAS_CORETYPE # as a user starts it
few="--data $tiny/valid.txt --set calib.samples=5 --set calib.seqlen=48 --progress none"

# same NAME RECIPE SETTINGS...
same() {
    local name=$1 recipe=$2 threads
    shift 2
    for threads in 1 2; do
        # shellcheck disable=SC2086
        run 0 quantize "$tiny" -r "$recipe" $few "$@" -o "$threads" --force --threads $threads
    done
    diff -r 1 2 >/dev/null || fail "$name: bytes depend on the number of threads"
}

run 0 recipe list
recipes=$(awk 'NR > 1 && !NF { exit } NR > 1 { print $1 }' out)
calibrated=0
for recipe in $recipes; do
    run 0 recipe check "$recipe" -v
    grep -q '^calib: {data: none' out && continue
    same "$recipe" "$recipe"
    calibrated=$((calibrated + 1))
done
[ $calibrated -ge 9 ] || fail "only $calibrated shipped recipes calibrate"

passes() { same "$1" nvfp4 --set output.format=vq --set "passes=[$1]" "${@:2}"; }
passes '{do: stream_order}, {do: rotate}, {do: hadamard, block: full}, {do: round, method: learned, steps: 4, clip_rate: 0.01}'
passes '{do: rotate, r1: 32}, {do: order, by: hessian}, {do: round, method: gptq, curvature: kronecker, refit: true, order: original}'
passes '{do: ksort}, {do: smooth}, {do: arc, count: paper}, {do: round, method: mse, weigh: input}' --set calib.propagate=quantized
end_checks
