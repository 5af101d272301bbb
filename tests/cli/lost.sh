#!/usr/bin/env bash
# A block so small beside its tensor that its scale vanishes is not lost without a word.
. "$2/tests/cli/check.bash"
need_model
name=model.layers.1.mlp.down_proj
# fill BYTES -- columns 16 to 31 of row 3 of the weight (bf16, 256 columns)
fill() {
    copy_model small
    local at=$(($(st_offset small/model.safetensors $name.weight) + (3 * 256 + 16) * 2)) i
    for i in $(seq 0 15); do poke small/model.safetensors $((at + 2 * i)) "$1"; done
}
fill '\x8c\x2b' # 1e-12
refuse 6 "$name > row 3, columns 16 to 31 .*9.9.*e-13 \\(1 of 2048 groups\\): keep $name.*checks.zeros=warn" quantize small -r nvfp4a16 -o result
absent result
run 0 quantize small -r nvfp4a16 --set checks.zeros=warn -o warned
err_has "$name: 1 of 2048 groups .*row 3, columns 16 to 31.*zeros"
run 0 verify warned
run 0 quantize small -r int4-g64 -o wide # its scales reach as far as the weights do
fill '\x00\x00'
run 0 quantize small -r nvfp4a16 -o zeros
[ "$(grep -c warning err)" = 0 ] || fail "warns of zeros that were there"
end_checks
