#!/usr/bin/env bash
# A row so small beside its tensor that the scales of its blocks vanish is not lost without a word; a block that is nothing beside its row is.
. "$2/tests/cli/check.bash"
need_model
name=model.layers.1.mlp.down_proj
# fill BYTES COLUMNS -- the first columns of row 3 of the weight (bf16, 256 columns)
fill() {
    copy_model small
    local at=$(($(st_offset small/model.safetensors $name.weight) + 3 * 256 * 2)) bytes='' i
    for ((i = 0; i < $2; i++)); do bytes+=$1; done
    poke small/model.safetensors "$at" "$bytes"
}
fill '\x8c\x2b' 16 # 1e-12
run 0 quantize small -r nvfp4a16 -o nothing
fill '\x8c\x2b' 256
refuse 6 "$name > row 3, columns 0 to 15 .*9.9.*e-13 \\(16 of 2048 groups\\): keep $name.*checks.zeros=warn" quantize small -r nvfp4a16 -o result
absent result
run 0 quantize small -r nvfp4a16 --set checks.zeros=warn -o warned
err_has "$name: 16 of 2048 groups .*row 3, columns 0 to 15.*zeros"
run 0 verify warned
run 0 quantize small -r int4-g64 -o wide # its scales reach as far as the weights do
fill '\x00\x00' 256
run 0 quantize small -r nvfp4a16 -o zeros
[ "$(grep -c warning err)" = 0 ] || fail "warns of zeros that were there"
end_checks
