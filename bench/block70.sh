#!/usr/bin/env bash
# Does `vq plan` tell the truth? A block of Llama-70B's shape with random weights is planned, then quantized within the limit; wall time, CPU
# time and peak anonymous memory beside the forecast. VQ, PYTHON (3.9 or later, no packages); HIDDEN FFN HEADS KV SAMPLES SEQLEN THREADS LIMIT
# for other shapes, or MODEL and TOKENS for a model of yours; RECIPE, and SETS ("key=value ...") for other settings.
set -euo pipefail
: "${VQ:?path of vq}"
python=${PYTHON:-python3} samples=${SAMPLES:-8} seqlen=${SEQLEN:-512} threads=${THREADS:-2} limit=${LIMIT:-16G} recipe=${RECIPE:-gptq-nvfp4}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
model=${MODEL:-$tmp/model} tokens=${TOKENS:-$tmp/model/ids.i32}
[ -n "${MODEL:-}" ] || "$python" "$(dirname "$0")/one_block.py" "$model" "${HIDDEN:-8192}" "${FFN:-28672}" "${HEADS:-64}" "${KV:-8}" "$samples" "$seqlen"
options=(--recipe "$recipe" --tokens "$tokens" --mem-limit "$limit" --threads "$threads" --set "calib.samples=$samples" --set "calib.seqlen=$seqlen")
gptq='passes=[{"do":"round","method":"gptq","curvature":"input"}]'
for set in ${SETS-$gptq}; do options+=(--set "$set"); done

"$VQ" plan "$model" "${options[@]}" --json >"$tmp/plan.json"
start=$(date +%s.%N)
"$VQ" quantize "$model" "${options[@]}" --progress none --json -o "$tmp/out" >"$tmp/quantize.json" &
pid=$! peak=0
while [ -r "/proc/$pid/status" ]; do
    now=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status" 2>/dev/null || true)
    [ -z "$now" ] && break
    [ "$now" -gt "$peak" ] && peak=$now
    ticks=$(awk '{print $14 + $15}' "/proc/$pid/stat" 2>/dev/null || true)
    [ -n "$ticks" ] && cpu=$ticks
    sleep 0.02
done
wait "$pid" || { cat "$tmp/quantize.json" >&2; exit 1; }
end=$(date +%s.%N)
"$python" - "$tmp" "$start" "$end" "$peak" "${cpu:-0}" "$(getconf CLK_TCK)" "$threads" <<'P'
import json, sys
tmp, start, end, peak, ticks, hz, threads = sys.argv[1], *map(float, sys.argv[2:])
plan = json.load(open(f"{tmp}/plan.json"))["result"]
made = json.load(open(f"{tmp}/quantize.json"))["result"]
print("what,predicted,measured,measured/predicted")
for what, want, got in [("wall_s", plan["seconds"], end - start), ("cpu_s/threads", plan["seconds"], ticks / hz / threads),
                        ("peak_mb", plan["peak_ram"] / 1e6, peak * 1024 / 1e6)]:
    print(f"{what},{want:.1f},{got:.1f},{got / want:.3f}")
print("phases:", ", ".join(f"{k} {v:.1f}" for k, v in made["phases"].items()), file=sys.stderr)
print("planned:", json.dumps(plan.get("stages")), file=sys.stderr)
P
