#!/usr/bin/env bash
# Where the output of a model in a cache of downloads goes, and of one beside which nothing can be written.
. "$2/tests/cli/check.bash"
need_model
hub=home/.cache/huggingface/hub
snapshot=$hub/models--an-org--tiny-llama-1.0/snapshots/0123abcd
mkdir -p "$snapshot" "${snapshot%/snapshots/*}/blobs" moved
cp "$tiny"/*.json "$snapshot"/
cp "$tiny"/model.safetensors "${snapshot%/snapshots/*}/blobs/feed"
ln -s ../../blobs/feed "$snapshot"/model.safetensors
cp -r "${snapshot%/snapshots/*}" moved/
cp -r home/.cache/huggingface/hub home/.cache/plain

for model in "$snapshot" "$snapshot/" "$PWD/$snapshot/model.safetensors" moved/models--an-org--tiny-llama-1.0/snapshots/0123abcd; do
    run 0 quantize "$model" -r nvfp4a16
    err_has '^the model lies in a cache of downloads: the output is \./tiny-llama-1\.0\.nvfp4a16$'
    out_has '^  output +\./tiny-llama-1\.0\.nvfp4a16$'
    [ -f tiny-llama-1.0.nvfp4a16/vq.json ] || fail "nothing in the current folder"
    rm -r tiny-llama-1.0.nvfp4a16
done
mkdir home/.cache/own && cp "$snapshot"/*.json home/.cache/own/ && cp "$tiny"/model.safetensors home/.cache/own/
run 0 quantize home/.cache/own -r nvfp4a16
[ -f own.nvfp4a16/vq.json ] || fail "nothing in the current folder"
[ -z "$(find home moved -name '*nvfp4a16*')" ] || fail "writes into the cache"
run 0 quantize "$snapshot" -r nvfp4a16 -o home/.cache/asked
[ -f home/.cache/asked/vq.json ] || fail "-o is not obeyed"

# Beside a model that is not in a cache: as ever, without a word.
copy_model plain--name
run 0 quantize plain--name -r nvfp4a16
[ -f plain--name.nvfp4a16/vq.json ] && ! grep -q cache err || fail "not beside the model"

# A folder that nobody may write into.
mkdir closed && copy_model closed/model && chmod 555 closed
as=()
if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || end_checks
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 755 "$work"
fi
last_args='beside a closed folder'
if "${as[@]}" "$vq" -V >/dev/null 2>&1; then # the program itself may lie where others cannot go
    "${as[@]}" "$vq" quantize closed/model -r nvfp4a16 >out 2>err
    [ $? = 5 ] || fail "exit code is not 5"
    err_has '^vq: error: .*closed/model.nvfp4a16.run: cannot make the folder: Permission denied; name another output with -o$'
fi
chmod 755 closed
end_checks
