#!/usr/bin/env bash
# vq diff: nothing between equal models, what differs between others (errors against numpy's, and vq.json's SQNR), files, refusals.
. "$2/tests/cli/check.bash"
need_model

copy_model one
copy_model two
run 0 diff one two -q
out_has '0 differ, 38 are the same'
run 0 diff one two --json -q
one_object
out_has '"tensors":\[\],"config":\[\],"files":\[\]'

# An artifact against its model: the error of a linear is that of the SQNR that vq.json records (no pass changed the weight before).
run 0 quantize one -r nvfp4 -o four
run 1 diff one four --json -q
one_object
out_has '"same":10,'
out_has '"shape":\[64,128\],"a":"BF16","b":"weight e2m1'
worst=$(grep -oE '"name":"[^"]*","shape":[^]]*],"a":"[^"]*","b":"[^"]*","error":[0-9.]+' out | head -1)
name=$(sed -E 's/"name":"([^"]*)\.weight".*/\1/' <<<"$worst")
error=${worst##*:}
db=$(tr -d ' \n' <four/vq.json | grep -oE "\"$name\":\{[^}]*" | grep -oE '"sqnr_db":[0-9.]+' | cut -d: -f2)
awk "BEGIN { e = 10 ^ (-$db / 20); exit !(e - $error < 1e-6 && $error - e < 1e-6) }" || fail "error of $name is $error, not that of $db dB"
grep -oE '"error":[0-9.]+' out | cut -d: -f2 | sort -grc || fail "not worst first"
run 1 diff one four --top 2 -q
[ "$(grep -cE '^  model\.layers.*weight +0\.[0-9]{6}$' out)" = 2 ] || fail "--top is not obeyed"
out_has 'not there'
run 0 diff four four -q

# Rotated inputs and residual columns come back to the model's own weight: the error is small.
run 0 quantize one -r nvfp4-arc -o arc --set calib.samples=2
run 1 diff one arc -q --json
grep -oE '"error":[0-9.]+' out | cut -d: -f2 | awk '$1 > 0.2 { exit 1 }' || fail "columns are not put back"

# Values, configuration, files: one bf16 weight (1 of the norm becomes 2), a key, a file more, a tensor less.
at=$(st_offset two/model.safetensors model.norm.weight)
poke two/model.safetensors "$at" '\x00\x40'
sed -i 's/"rope_theta": 10000.0/"rope_theta": 20000.0/; s/"use_cache": true,//' two/config.json
echo more >two/more.txt
run 1 diff one two --json -q
out_has '"name":"model.norm.weight","shape":\[128\],"a":"BF16","b":"BF16","error":0\.[0-9]+\}\]'
out_has '\{"name":"rope_theta","a":"10000.0","b":"20000.0"\}'
out_has '\{"name":"use_cache","a":"true","b":null\}'
out_has '\{"name":"more.txt","a":null,"b":"5 bytes"\}'
st_edit one/model.safetensors less.safetensors 's/model\.norm\.weight/model.other.weight/'
mkdir three && mv less.safetensors three/model.safetensors && cp one/tokenizer.json three/
run 1 diff one three --json -q
out_has '"name":"model.norm.weight","shape":\[128\],"a":"BF16","b":null,"error":null'
out_has '"name":"model.other.weight","shape":\[128\],"a":null,"b":"BF16","error":null'

refuse 3 'nothing' diff one nothing -q
refuse 2 'B is missing' diff one
head -c 1000 one/model.safetensors >cut.safetensors
refuse 3 'cut' diff one cut.safetensors -q
mkdir short && printf abc >short/model.safetensors # of two models the right one is named
refuse 3 'error: short/model.safetensors > 3 bytes' diff one short -q
refuse 4 'limit' diff one four --mem-limit 100K -q
end_checks
