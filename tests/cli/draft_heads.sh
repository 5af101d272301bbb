#!/usr/bin/env bash
# draft_heads.sh -- heads that predict further tokens are copied bit for bit, declared, counted and named, whatever they are called.
source "$(dirname "$0")/check.bash"
need_model
# The last of four layers becomes a draft head of the given name.
draft() {
    copy_model model
    sed -i 's/"num_hidden_layers": 4/"num_hidden_layers": 3/' model/config.json
    mv model/model.safetensors all.safetensors
    st_edit all.safetensors model/model.safetensors "s/\"model\.layers\.3\./\"$1./g"
}
for name in model.layers.3 mtp.layers.0 model.mtp.layers.0 nextn.0 model.eagle.layers.0 medusa_head.0; do
    rm -rf model out.*
    draft "$name"
    for format in compressed-tensors vq; do
        run 0 quantize model -r nvfp4a16 --set output.format=$format -o "out.$format"
        err_has '7 weights (behind these layers|of a draft head) are copied'
        [ "$(grep -c warning: err)" = 1 ] || fail "$name: not one warning"
        grep -q '"draft_weights": 7' "out.$format/vq.json" || fail "$name: vq.json does not count them"
        run 0 inspect "out.$format" --json
        [ "$(grep -oE "\"name\":\"${name//./\\.}\.[^\"]*\",\"dtype\":\"BF16\"" out | wc -l)" = 9 ] || fail "$name: not all of it is there"
        run 0 verify "out.$format"
    done
    grep -qE "${name%%.[0-9]*}|mtp|eagle|nextn|medusa" out.compressed-tensors/config.json || fail "$name: config.json does not declare it"
done
end_checks
