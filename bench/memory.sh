#!/usr/bin/env bash
# Peak anonymous memory of a command: bench/memory.sh vq quantize ... (mapped input does not count). Samples RssAnon every 2 ms.
set -euo pipefail
"$@" >/dev/null 2>&1 &
pid=$!
peak=0
while kill -0 "$pid" 2>/dev/null; do
    now=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status" 2>/dev/null || true)
    [ -n "$now" ] && [ "$now" -gt "$peak" ] && peak=$now
    sleep 0.002
done
wait "$pid"
awk -v k="$peak" 'BEGIN {printf "peak_rss_anon_mb,%.1f\n", k / 1024}'
