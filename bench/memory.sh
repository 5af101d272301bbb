#!/usr/bin/env bash
# What a run holds in memory, beside what `vq plan` said: one line per recipe, CSV, in MiB: forecast, RssAnon at most (sampled every 2 ms), and
# VmHWM, which also has mapped pages. VQ; MODEL and TOKENS, or nothing: a random Llama of LAYERS blocks of hidden size HIDDEN is made (PYTHON,
# 3.9 or later, no packages). RECIPES ("nvfp4a16 nvfp4 ..."; default: all that ship), SAMPLES, SEQLEN, THREADS, LIMIT for other settings
# (LIMIT=plan: the figure of `vq plan` is the limit).
set -euo pipefail
: "${VQ:?path of vq}"
here=$(cd "$(dirname "$0")" && pwd)
samples=${SAMPLES:-4} seqlen=${SEQLEN:-128} threads=${THREADS:-2}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
model=${MODEL:-$tmp/model} tokens=${TOKENS:-$tmp/model/ids.i32}
[ -n "${MODEL:-}" ] ||
    "${PYTHON:-python3}" "$here/one_block.py" "$model" "${HIDDEN:-2048}" 5632 32 8 "$samples" "$seqlen" "${LAYERS:-4}"

# peak COMMAND...: sets anon and hwm (KiB)
peak() {
    "$@" >"$tmp/log" 2>&1 &
    local pid=$! state=R key value rest
    anon=0 hwm=0
    while [ "$state" != Z ]; do # one that ended, until `wait` asks for it
        state=Z
        while read -r key value rest; do
            case $key in
            State:) state=$value ;;
            RssAnon:) [ "$value" -gt "$anon" ] && anon=$value ;;
            VmHWM:) hwm=$value ;;
            esac
        done 2>/dev/null <"/proc/$pid/status" || true
        sleep 0.002
    done
    wait "$pid"
}

mib() { awk -v n="$1" -v unit="$2" 'BEGIN {printf "%.1f", n / unit}'; }
ratio() { awk -v n="$1" -v of="$2" 'BEGIN {printf "%.2f", n / of}'; }

recipes=${RECIPES:-$(cd "$here/../recipes" && ls | sed 's/\.yaml$//')}
echo "recipe,forecast,rss_anon,vm_hwm,forecast/rss_anon"
for recipe in $recipes; do
    options=(--recipe "$recipe" --tokens "$tokens" --threads "$threads")
    options+=(--set "calib.samples=$samples" --set "calib.seqlen=$seqlen")
    [ "${LIMIT:-plan}" = plan ] || options+=(--mem-limit "$LIMIT")
    told=$("$VQ" plan "$model" "${options[@]}" --json 2>/dev/null | sed -n 's/.*"peak_ram": *\([0-9]*\).*/\1/p' | head -1) || true
    rm -rf "$tmp/out" "$tmp/out.run"
    [ "${LIMIT:-}" != plan ] || options+=(--mem-limit "$told")
    [ -n "$told" ] || { echo "$recipe,refused by plan"; continue; }
    if peak "$VQ" quantize "$model" "${options[@]}" -q -o "$tmp/out"; then
        echo "$recipe,$(mib "$told" 1048576),$(mib "$anon" 1024),$(mib "$hwm" 1024),$(ratio "$told" "$((anon * 1024))")"
    else
        echo "$recipe,$(mib "$told" 1048576),$(tail -n 1 "$tmp/log" | tr ',' ';')"
    fi
done
