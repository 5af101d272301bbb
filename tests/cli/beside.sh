#!/usr/bin/env bash
# What lies beside the weights goes along whole or the run says why not: links to nothing, pipes, devices, folders under a file's name; files that change meanwhile.
. "$2/tests/cli/check.bash"
need_model
copy_model m
mv m/tokenizer.json tokenizer.json

# odd TEXT NAME -- m/NAME is no file: refused before anything is made, also without the folder, and by plan.
odd() {
    refuse 3 "m/$2: this $1" quantize m -r nvfp4a16 -o made
    refuse 3 "m/$2: this $1" quantize m/model.safetensors -r nvfp4a16 -o made
    refuse 3 "m/$2: this $1" plan m -r nvfp4a16
    absent made
    rm -r "m/$2"
}
for name in tokenizer.json generation_config.json chat_template.jinja merges.txt tokenizer.model; do
    rm -f "m/$name"
    ln -s ../blobs/nothing "m/$name" && odd 'link leads to no file .*fetch' $name
    mkfifo "m/$name" && odd 'is a pipe' $name
done
ln -s tokenizer.json m/tokenizer.json && odd 'link leads to no file' tokenizer.json
ln -s /dev/zero m/tokenizer.json && odd 'is a device' tokenizer.json
mkdir m/tokenizer.json && odd 'is a folder' tokenizer.json
mkdir m/tokenizer.json && cp tokenizer.json m/tokenizer.json/ && odd 'is a folder' tokenizer.json
mkdir elsewhere && ln -s ../elsewhere m/tokenizer.json && odd 'is a folder' tokenizer.json
ln -s nowhere m/README.md
refuse 3 'm/README.md: this link leads to no file' quantize m -r nvfp4a16 -o made
rm m/README.md && mkdir m/1_Pooling && ln -s nowhere m/1_Pooling/config.json
refuse 3 'm/1_Pooling/config.json: this link leads to no file' quantize m -r nvfp4a16 -o made
rm m/1_Pooling/config.json

# Folders of other names, hidden files and links to folders stay what they were: nothing that goes along.
cp tokenizer.json m/ && mkdir m/tokenizer && ln -s nowhere m/.hidden && ln -s ../elsewhere m/images
run 0 quantize m -r nvfp4a16 -o fine
cmp -s m/tokenizer.json fine/tokenizer.json || fail "the tokenizer is another one"

# Folders of programs are named as left out.
mkdir -p m/make/inner && echo all: >m/make/Makefile && echo 'int main;' >m/make/inner/main.c && touch m/make/.hidden
run 0 quantize m -r nvfp4a16 -o without
err_has '^warning: make/Makefile: 2 files like this one, of folders inside the model .*, are not copied .files-left-out.$'
[ ! -e without/make ] || fail "copies programs"
rm -r m/make

# A file that is written to meanwhile: one that loaders read stops the run, a log in the model's folder does not.
"$vq" quantize m -r nvfp4-arc --set calib.samples=8 --set calib.seqlen=128 -o logged --progress plain 2>&1 | tee m/log >out
: >err
[ -e logged/vq.json ] || fail "cannot log into the model's folder"
rm m/log
run 0 verify logged
(while :; do echo more >>m/README.md; done) &
writer=$!
until [ -s m/README.md ]; do sleep 0.01; done
run 0 quantize m -r nvfp4a16 -o changed
err_has '^warning: README.md: the file was written to meanwhile, and is not copied .files-left-out.$'
kill $writer
wait $writer 2>/dev/null
[ ! -e changed/README.md ] || fail "copies what is half written"
run 0 verify changed
text=$(cat tokenizer.json)
(while :; do : >m/tokenizer.json; printf "%s\n" "$text" >m/tokenizer.json; done) & # no process between: a run is short
writer=$!
until ! cmp -s tokenizer.json m/tokenizer.json; do :; done
refuse 5 'm/tokenizer.json: the file changed while it was read' quantize m -r nvfp4a16 -o cut
kill $writer
wait $writer 2>/dev/null
[ ! -e cut ] || fail "makes an artifact of it"
cp tokenizer.json m/tokenizer.json

# So does the configuration, which is read long before it is written.
cp m/config.json config.json
(while :; do printf "\n" >>m/config.json; done) &
writer=$!
until [ m/config.json -nt config.json ]; do :; done
refuse 5 'm/config.json: the file changed while it was read' quantize m -r nvfp4a16 -o cut
kill $writer
wait $writer 2>/dev/null
[ ! -e cut ] || fail "makes an artifact of it"

# What was opened to go along, and is gone or another file when it is read, stops the run before an artifact is made. (Leaks are not looked for under strace.)
if command -v strace >/dev/null && strace -f -o trace -e trace=none true 2>/dev/null; then
    cp tokenizer.json m/tokenizer.json
    printf 'calibration text, %s\n' {1..200} >text.txt
    for how in 'mv m/$name gone' 'cp m/$name again && mv again m/$name'; do
        for name in tokenizer.json config.json; do
            cp "m/$name" kept
            last_args="quantize m, $how"
            (until grep -q "$name.*O_RDONLY.* = [0-9]" trace; do sleep 0.02; done; eval "$how") &
            : >trace
            ASAN_OPTIONS=detect_leaks=0 strace -f -o trace -P "m/$name" -e trace=openat -e inject=openat:delay_enter=500000:when=2+ "$vq" quantize m -r gptq-int4 --set calib.samples=4 --set calib.seqlen=16 --data text.txt -o cut >out 2>err
            [ $? = 5 ] || fail "exit code is not 5"
            wait $!
            err_has "m/$name: the file was re(mov|plac)ed while it was read"
            [ ! -e cut ] || fail "makes an artifact of it"
            cp kept "m/$name"
            rm -rf cut.*
        done
    done
fi

# Another file under the name: what was there at the start goes along.
cp tokenizer.json m/tokenizer.json && rm m/README.md
(while :; do cp tokenizer.json other && echo >>other && mv other m/README.md; done) &
writer=$!
until [ -s m/README.md ]; do sleep 0.01; done
run 0 quantize m -r nvfp4a16 -o replaced
kill $writer
wait $writer 2>/dev/null
[ "$(wc -c <replaced/README.md)" = $(($(wc -c <tokenizer.json) + 1)) ] || fail "not the whole file"
run 0 verify replaced
end_checks
