#!/usr/bin/env bash
# What `vq plan` says an artifact takes on disk is at least what is written, vq.json counted, and not much more.
. "$2/tests/cli/check.bash"
need_model

size_of() { find "$1" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }

# holds PERCENT ARGS -- forecast and artifact of the same command; the forecast is at most so much larger, and 8 KiB.
holds() {
    local percent=$1
    shift
    run 0 plan "$tiny" "$@" --json
    local most bytes
    most=$(grep -oE '"disk":[0-9]+' out | cut -d: -f2)
    run 0 quantize "$tiny" "$@" -o out.d --force
    bytes=$(size_of out.d)
    [ "$most" -ge "$bytes" ] || fail "plan says $most bytes at most, and $bytes are written"
    [ "$most" -le $((bytes + bytes * percent / 100 + 8192)) ] || fail "plan says $most bytes, and only $bytes are written"
}
small="--set calib.samples=2 --set calib.seqlen=64"
for r in nvfp4a16 int4-g64 'int8 --set output.shard=200kB' 'int4-g64 --set output.format=vq'; do
    # shellcheck disable=SC2086
    holds 3 -r $r
done
for r in nvfp4 mr-gptq-mxfp4; do
    # shellcheck disable=SC2086
    holds 3 -r $r $small --data "$tiny/train.txt"
done
# shellcheck disable=SC2086
holds 40 -r nvfp4-arc $small --data "$tiny/train.txt" # as many channels as the recipe allows
cat >all.yaml <<'END'
vq: 1
name: all
calib: {data: required, samples: 2, seqlen: 64}
rules:
  - {match: {name: ["*"]}, use: {weight: {grid: i8, group: channel, zero: int}, act: {grid: i8, group: tensor, zero: int, observer: minmax}}}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes:
  - {do: rotate, r1: "16", r2: false}
  - {do: ksort, mode: free}
  - {do: round, method: rtn}
output: {format: vq}
END
holds 3 -r all.yaml --data "$tiny/train.txt"

# What a run holds on disk at any moment is at most that and disk_work; a disk that has no room for both is told before the work.
watch() {
    local most=$1 seen=0 now
    shift
    "$vq" quantize "$tiny" "$@" -o watched >out 2>err &
    local run=$!
    while kill -0 $run 2>/dev/null; do
        now=$(find watched watched.run -type f -printf '%s\n' 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }')
        [ "$now" -le "$seen" ] || seen=$now
        sleep 0.02
    done
    wait $run || fail "exit code $?"
    [ "$seen" -le "$most" ] || fail "holds $seen bytes, and plan says $most at most"
    [ "$seen" -ge $((most * 6 / 10)) ] || fail "plan says $most bytes, and at most $seen are held"
    rm -rf watched
}
for r in best-4bit gptq-int4; do
    run 0 plan "$tiny" -r $r $small --json
    watch "$(grep -oE '"disk(_work)?":[0-9]+' out | cut -d: -f2 | awk '{ sum += $1 } END { print sum }')" -r $r $small
done
end_checks
