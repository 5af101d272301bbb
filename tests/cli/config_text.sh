#!/usr/bin/env bash
# config_text.sh -- config.json as people have it: read as Python reads it, and written with every byte that is not vq's business.
source "$(dirname "$0")/check.bash"
need_model
# odd SED... -- a model whose config.json is edited.
odd() {
    rm -rf model out.*
    copy_model model
    sed -i "$@" model/config.json
}
odd 's/"use_cache": true,/"use_cache": true, "a": NaN, "b": [Infinity, -Infinity], "big": 1000000000000000000000000000000, "real": 1e30, "t": "\\u0000\\ud800", "use_cache": false,/'
for format in compressed-tensors vq; do
    run 0 quantize model -r nvfp4a16 --set output.format=$format -o "out.$format"
    run 0 verify "out.$format"
    run 0 quantize "out.$format" -r int8-w8a16 -o "out.again.$format" # quantization_config is replaced
    for folder in out.$format out.again.$format; do
        head -n -2 model/config.json >kept # the last member gets a comma
        head -n "$(wc -l <kept)" $folder/config.json | cmp - kept || fail "$folder: config.json is another text"
        [ "$(grep -c '"quantization_config"' $folder/config.json)" = 1 ] || fail "$folder: not one quantization_config"
    done
    if command -v python3 >/dev/null; then
        python3 - model/config.json "out.$format/config.json" <<'P' || fail "Python reads another config"
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
b.pop("quantization_config")
sys.exit(repr(a) != repr(b))
P
    fi
done
# A byte order mark is read over, and not written: Python would refuse it.
odd '1s/^/\xef\xbb\xbf/'
run 0 quantize model -r nvfp4a16 -o out.mark
[ "$(head -c 1 out.mark/config.json)" = "{" ] || fail "the mark is still there"
# What a key means is asked of numbers only.
odd 's/"rms_norm_eps": 1e-05/"rms_norm_eps": NaN/'
refuse 3 'rms_norm_eps' eval ppl model --data "$tiny/test.txt"
printf '\0' >>model/config.json
refuse 3 'config.json > broken JSON' quantize model -r nvfp4a16 -o out.nul
# Types, of models inside the model too: loaders decode FP4 to BF16, so a model in F16 has to be loaded in it.
odd 's/"torch_dtype": "bfloat16"/"torch_dtype": "float16", "text_config": {"a": 1e30, "dtype": "float16"}, "other": {"torch_dtype": "float16"}/'
mv model/model.safetensors bf16.safetensors
st_edit bf16.safetensors model/model.safetensors 's/"BF16"/"F16"/g'
run 0 plan model -r nvfp4a16
err_has 'loads-as-bf16'
run 0 quantize model -r nvfp4a16 -o out.half
err_has 'config.json will say bfloat16'
grep -q '"torch_dtype": "bfloat16"' out.half/config.json || fail "config.json does not say bfloat16"
grep -qF '"text_config": {"a": 1e30, "dtype": "bfloat16"}, "other": {"torch_dtype": "bfloat16"}' out.half/config.json || fail "the models inside do not say bfloat16"
run 0 quantize model -r int8-w8a16 -o out.int8

grep -q loads-as-bf16 err && fail "warns without need"
grep -q '"torch_dtype": "float16"' out.int8/config.json || fail "config.json does not say float16"
end_checks
