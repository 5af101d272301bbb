#!/usr/bin/env bash
# vq verify says no (exit code 1) to any flipped bit, a missing file or tensor, a NaN scale, a wrong hash.
. "$2/tests/cli/check.bash"
need_model
run 0 quantize "$tiny/model.safetensors" -r nvfp4-arc -o good --set calib.samples=2
run 0 verify good
run 0 verify good --against "$tiny"

# Another model is told as such, once and first: by shapes and names, else by digests and the first error; the same weights in other
# files are the same model. Where nothing can be compared, the digests alone do not say yes.
other_model() { # other_model TEXT
    [ "$(sed -n '/what is wrong/,$p' out | grep -c .)" -le 3 ] || fail "says more than that it is another model"
    tr -s ' \n' ' ' <out | grep -qE -- "not the model that the artifact was made from: $1" || fail "does not say '$1'"
}
copy_model other
at=$(st_offset other/model.safetensors model.layers.0.self_attn.q_proj.weight)
for i in 1 3 5 7 9 11; do poke other/model.safetensors $((at + i)) '\x42'; done
run 1 verify good --against other
other_model 'its weight files have other digests than those in vq.json, and of model.layers.0.self_attn.q_proj the SQNR is'
st_edit "$tiny/model.safetensors" other/model.safetensors 's/model[.]layers[.]3[.]mlp[.]up_proj/model.layers.9.mlp.up_proj/'
run 1 verify good --against other/model.safetensors
other_model '1 of 28 linears have no weight of their shape in it; model.layers.3.mlp.up_proj is \[[0-9]+, [0-9]+\] here and not there'
st_edit "$tiny/model.safetensors" other/model.safetensors 's/"model[.]layers[.]1[.]mlp[.]up_proj[.]weight":{"dtype":"\([A-Z0-9]*\)","shape":\[\([0-9]*\),\([0-9]*\)\]/"model.layers.1.mlp.up_proj.weight":{"dtype":"\1","shape":[\3,\2]/'
run 1 verify good --against other/model.safetensors
other_model '1 of 28 linears have no weight of their shape in it; model.layers.1.mlp.up_proj is \[[0-9]+, [0-9]+\] here and \[[0-9]+, [0-9]+\] there'
st_edit "$tiny/model.safetensors" other/model.safetensors 's/$/   /'
run 0 verify good --against other
err_has '^warning: other: its weight files have other digests .*; 28 linears agree, .* \[other-files\]$'
run 0 quantize "$tiny" -r nvfp4-arc --set calib.samples=2 --set 'passes=[{do: rotate}, {do: round, method: rtn}]' --set output.format=vq -o rotated -q
run 0 verify rotated --against "$tiny" -q
err_empty
run 1 verify rotated --against other
out_has '^ +other +its weight files have other digests .* no linear can be compared'
rm -rf other rotated

# changed TEXT -- the copy `bad` of the artifact must be refused; opening it may fail (3) only where it cannot be read at all.
changed() {
    "$vq" verify bad >out 2>err
    local code=$?
    last_args="verify: $1"
    [ $code = 1 ] || { [ $code = 3 ] && grep -q '^vq: error: ' err; } || fail "exit code $code, not 1"
}
fresh() { rm -rf bad; cp -r good bad; }

# A bit of every part of every file.
for file in good/*; do
    name=${file#good/}
    size=$(wc -c <"$file")
    for share in 0 13 37 50 77 99; do
        fresh
        at=$((size * share / 100))
        byte=$(od -An -tu1 -j$at -N1 "$file" | tr -d ' ')
        poke "bad/$name" $at "\\x$(printf %02x $((byte ^ 1)))"
        changed "bit 0 of byte $at of $name"
    done
done

for file in good/*; do
    fresh
    rm "bad/${file#good/}"
    # Without vq.json only structure and values can be looked at: that is a warning.
    if [ "${file#good/}" = vq.json ]; then
        run 0 verify bad
        err_has 'vq.json'
    else
        changed "without ${file#good/}"
    fi
done
fresh
echo more >bad/extra.txt
changed "a file too many"
fresh
sed -i 's/"sha256": *"[0-9a-f]\{8\}/"sha256": "00000000/' bad/vq.json
changed "a wrong hash"

# Without the manifest the values themselves speak: a NaN scale (e4m3 0x7f).
fresh
rm bad/vq.json
name=$(st_header bad/model.safetensors | grep -oE '"[^"]*\.weight_scale"' | head -1 | tr -d '"')
poke bad/model.safetensors "$(st_offset bad/model.safetensors "$name")" '\x7f'
run 1 verify bad
out_has "${name%_scale}|${name%.weight_scale}"
fresh
rm bad/vq.json
st_edit good/model.safetensors bad/model.safetensors "s/\"$name\"/\"no.such.scale\"/"
run 3 verify bad

refuse 3 'no-such' verify no-such
refuse 3 'not a quantized model|not a folder' verify "$tiny"
refuse 3 'not a folder' verify "$tiny/model.safetensors"
end_checks
