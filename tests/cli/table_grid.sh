#!/usr/bin/env bash
# Elements from a table of values (iq4nl): every rounder, the same bytes at every level, less error than evenly spaced integers of the same
# size, and codes that mean what ggml's IQ4_NL reader says (where python has numpy and gguf).
. "$2/tests/cli/check.bash"
need_model

# recipe GRID SHAPE PASS -- on stdout.
recipe() {
    cat <<END
vq: 1
name: table
calib: {data: "$tiny/train.txt", samples: 8, seqlen: 128}
rules:
  - {match: {name: ["*"]}, use: {weight: {grid: $1, group: $2}}}
  - {match: {role: [embed, lm_head, norm]}, use: keep, optional: true}
passes:
  - {do: round, method: $3}
output: {format: vq}
END
}
small="'block:16', scale: e4m3, super: f32"
wide="'block:32', scale: f16"
mean_sqnr() { grep -o '"sqnr_db": *[0-9.]*' "$1/vq.json" | awk -F: '{ sum += $2 } END { print sum / NR }'; }
above() { awk "BEGIN { exit !($1 > $2) }" || fail "$3: $1 is not above $2"; }

for pass in rtn mse "gptq, curvature: kronecker"; do
    name=${pass%%,*}
    recipe iq4nl "$small" "$pass" >table.yaml
    run 0 quantize "$tiny" -r table.yaml -o "$name"
    run 0 verify "$name"
    out_has 'verdict +yes'
    run 0 eval ppl "$name" --data "$tiny/test.txt" --window 128 --max-windows 4 --ref "$tiny"
    out_has '^  KL divergence +0\.0'
    [ "$name" = gptq ] && continue # its statistics are of the level
    run 0 quantize "$tiny" -r table.yaml -o "$name-ref" --isa ref
    cmp -s "$name/model.safetensors" "$name-ref/model.safetensors" || fail "bytes depend on the level"
done
recipe i4 "$small" mse >even.yaml
run 0 quantize "$tiny" -r even.yaml -o even
above "$(mean_sqnr mse)" "$(mean_sqnr even) + 0.5" "dB of the table over integers"
above "$(mean_sqnr mse)" "$(mean_sqnr rtn) + 0.5" "dB of searched scales over plain ones"

recipe iq4nl "$wide" mse >wide.yaml
run 0 quantize "$tiny" -r wide.yaml -o wide
out_has 'bits per weight +4\.500 '
if python3 -c 'import gguf, numpy' 2>/dev/null; then
    python3 - "$tiny" wide >said 2>&1 <<'END' || { last_args="what gguf reads"; cat said; fail "is not what was written"; }
import json, math, struct, sys
import numpy as np
from gguf import GGMLQuantizationType, quants

def tensors(folder):
    raw = open(folder + "/model.safetensors", "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    for name, t in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__":
            yield name, t["shape"], raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]

dense = {name: (shape, data) for name, shape, data in tensors(sys.argv[1])}
stored = {name: (shape, data) for name, shape, data in tensors(sys.argv[2])}
negative = 0
for name, entry in json.load(open(sys.argv[2] + "/vq.json"))["tensors"].items():
    rows, cols = dense[name + ".weight"][0]
    w = (np.frombuffer(dense[name + ".weight"][1], "<u2").astype("<u4") << 16).view("<f4").astype(float)
    packed = np.frombuffer(stored[name + ".weight"][1], "u1").reshape(-1, 16)
    codes = np.stack([packed & 15, packed >> 4], -1).reshape(-1, 32)
    scales = np.frombuffer(stored[name + ".weight_scale"][1], "<f2").reshape(-1, 1)
    negative += int((scales < 0).sum())
    blocks = np.concatenate([scales.copy().view("u1"), codes[:, :16] | codes[:, 16:] << 4], 1)
    y = quants.dequantize(blocks, GGMLQuantizationType.IQ4_NL).reshape(-1).astype(float)
    db = 10 * math.log10((w * w).sum() / ((w - y) ** 2).sum())
    assert abs(db - entry["sqnr_db"]) < 1e-4, (name, db, entry["sqnr_db"])
assert negative > 0, "no scale is negative"
END
else
    echo "not compared with gguf: python3 has no gguf or numpy"
fi
end_checks
