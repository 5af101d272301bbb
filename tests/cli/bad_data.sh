#!/usr/bin/env bash
# Calibration data that cannot be used: one line that says what and where and what to do, the exit code of its class, no output.
. "$2/tests/cli/check.bash"
need_model
small='--set calib.samples=4 --set calib.seqlen=64'

# bad CODE MESSAGE DATA ARGS... -- the whole message behind "vq: error: ", of plan as of quantize.
bad() {
    local code=$1 message=$2 data=$3
    shift 3
    # shellcheck disable=SC2086
    refuse "$code" '' plan chat -r nvfp4-arc $small --data "$data" "$@"
    err_is "vq: error: $message"
    # shellcheck disable=SC2086
    refuse "$code" '' quantize chat -r nvfp4-arc $small --data "$data" -o result "$@"
    err_is "vq: error: $message"
    absent result
}

# line MESSAGE TEXT -- the one line of a file of JSON lines is refused.
line() {
    printf '%s\n' "$2" >line.jsonl
    bad 3 "line.jsonl:1 > $1" line.jsonl
}
template() { printf '%s' "$1" >chat/chat_template.jinja; }
said='{"messages":[{"role":"user","content":"Hello"}]}'
copy_model chat

# No data.
bad 3 'none.txt: no such file' none.txt
for data in required none; do
    for command in plan 'quantize -o result' 'calibrate -o result'; do
        # shellcheck disable=SC2086
        refuse 2 '' $command chat -r nvfp4-arc --set calib.data=$data
        err_is 'vq: error: nvfp4-arc: this recipe needs calibration text; give it with --data FILE'
        absent result
    done
done
run 0 calibrate chat -r nvfp4-arc --data "$tiny/train.txt" $small -o text.vqs
for command in plan 'quantize -o result'; do
    # shellcheck disable=SC2086
    refuse 2 '' $command chat -r nvfp4-arc $small --set calib.data=required --stats text.vqs --set 'passes=[{do: arc}, {do: round, method: rtn}, {do: tune, what: norms}]'
    err_is 'vq: error: nvfp4-arc: this recipe needs calibration text (also with --stats: the finishing pass trains on samples); give it with --data FILE'
done

# Too little data says how much is needed.
# One that says the same over and over is used, and told of; ids as well.
for ((i = 0; i < 400; i++)); do echo 'All work and no play.'; done >dull.txt
head -c 4096 /dev/zero >zeros.i32
for data in '--data dull.txt' '--tokens zeros.i32'; do
    # shellcheck disable=SC2086
    run 0 quantize chat -r nvfp4-arc $small $data -o dull --force
    err_has "^warning: ${data#* }: 4 of the 4 samples mostly repeat what they said before; .* \[data-repeats\]$"
done
# shellcheck disable=SC2086
run 0 plan chat -r nvfp4-arc $small --data "$tiny/train.txt"
grep data-repeats err && fail 'stories repeat themselves'

need='4 samples of 64 need 256: give more text, or lower calib.samples or calib.seqlen'
: >empty.txt
bad 3 "empty.txt: 0 tokens; $need" empty.txt
head -c 100 "$tiny/train.txt" >short.txt
bad 3 "short.txt: 34 tokens; $need" short.txt
bad 3 "short.txt: 34 tokens; $need" short.txt --set calib.select=random
bad 3 'short.txt: 34 tokens; 1000000 samples of 64 need 64000000: give more text, or lower calib.samples or calib.seqlen' short.txt --set calib.samples=1000000
: >empty.jsonl
bad 3 'empty.jsonl: no line holds anything; one JSON object a line is needed' empty.jsonl
printf '\n \r\n\t\n' >blank.jsonl
bad 3 'blank.jsonl: no line holds anything; one JSON object a line is needed' blank.jsonl
printf '{"text":""}\n' >void.jsonl
bad 3 "void.jsonl: 0 tokens in 1 line; $need" void.jsonl
printf '{"text":"%s"}\n' "$(head -c 4000 "$tiny/train.txt" | tr -d '"\\\n')" >long-line.jsonl
refuse 3 'long-line.jsonl: [0-9]+ tokens in 1 line; a line is cut to calib.seqlen 64, so they hold 1 of 4 samples: give more lines, or lower calib.samples$' plan chat -r nvfp4-arc $small --data long-line.jsonl
printf '{"text":"a"}\n{"text":"b"}\n' >few.jsonl
bad 3 "few.jsonl: 2 tokens in 2 lines; $need" few.jsonl
: >empty.i32
refuse 3 '' quantize chat -r nvfp4-arc $small --tokens empty.i32 -o result
err_is "vq: error: empty.i32: 0 tokens; $need"
refuse 3 '' plan chat -r nvfp4-arc $small --tokens empty.i32
err_is "vq: error: empty.i32: 0 tokens; $need"

# Token ids.
printf 'abc' >odd.i32
refuse 3 '' quantize chat -r nvfp4-arc $small --tokens odd.i32 -o result
err_is 'vq: error: odd.i32: 3 bytes are not whole int32 ids'
{ le64 1; printf '\000\002\000\000'; } >range.i32
refuse 3 '' quantize chat -r nvfp4-arc $small --tokens range.i32 -o result
err_is 'vq: error: range.i32 > id 512 at position 2 is outside the vocabulary of 512; is this the right tokenizer?'
printf '\377\377\377\377' >minus.i32
refuse 3 '' quantize chat -r nvfp4-arc $small --tokens minus.i32 -o result
err_is 'vq: error: minus.i32 > id -1 at position 0 is outside the vocabulary of 512; is this the right tokenizer?'

# Text that is not UTF-8.
printf 'good \377\376 text' >latin.txt
bad 3 'latin.txt > text is not UTF-8 at byte 5' latin.txt
line 'the line is not UTF-8 at byte 9' "$(printf '{"text":"\377"}')"

# Samples longer than the context, in plan and in quantize, whatever the data.
long='vq: error: nvfp4-arc: calib.seqlen is 513, and the context of the model 512 tokens: --set calib.seqlen=512'
refuse 2 '' plan chat -r nvfp4-arc --set calib.seqlen=513
err_is "$long"
refuse 2 '' quantize chat -r nvfp4-arc --set calib.seqlen=513 --data "$tiny/train.txt" -o result
err_is "$long"

# Lines.
line 'the line is no JSON object' '[1]'
line 'the line has neither "text" nor "messages"' '{"prompt":"a"}'
line '"text" is no text' '{"text":3}'
line '"messages" is no list of messages, or an empty one' '{"messages":[]}'
line '"messages" is no list of messages, or an empty one' '{"messages":"a"}'
line 'message 1 is no object' '{"messages":["a"]}'
line 'message 2 has no "role" that is text' '{"messages":[{"role":"user","content":"a"},{"content":"b"}]}'
line 'message 1 has no "content"' '{"messages":[{"role":"user"}]}'
line '"tools" is no list' '{"messages":[{"role":"user","content":"a"}],"tools":3}'
printf '{"text":"a"}\n\n{"text":' >cut.jsonl
refuse 3 '^vq: error: cut\.jsonl:3 > broken JSON at byte [0-9]+: .' quantize chat -r nvfp4-arc $small --data cut.jsonl -o result
printf '{"text":"a\000b"}\n' >nul.jsonl
refuse 3 '^vq: error: nul\.jsonl:1 > broken JSON at byte [0-9]+: .' quantize chat -r nvfp4-arc $small --data nul.jsonl -o result
head -c 16777217 /dev/zero | tr '\0' x >long.jsonl
bad 3 'long.jsonl:1 > the line is 16777217 bytes long (at most 16777216)' long.jsonl

# Templates.
line 'the line holds messages, and the model has no chat template (chat_template.jinja, or "chat_template" in tokenizer_config.json): add one, or calibrate on what is said alone with --set calib.template=none' "$said"
template '{% for m in messages %}
{{ raise_exception("no " + m.role) }}{% endfor %}'
line 'chat/chat_template.jinja > line 2: the template refuses: no user' "$said"
template '{{ messages[0].name.first }}'
line 'chat/chat_template.jinja > line 1: "name" is undefined' "$said"
template '{% for a in range(2000000000) %}{% endfor %}'
line 'chat/chat_template.jinja > line 1: the template takes too many steps or too much memory' "$said"
template 'x
{% include "other" %}'
printf '%s\n' "$said" >said.jsonl
bad 3 'chat/chat_template.jinja > line 2: {% include %} is not supported' said.jsonl
template "$(printf '\377')"
bad 3 'chat/chat_template.jinja > the template is not UTF-8 at byte 0' said.jsonl
printf '{"messages":[{"role":"user","content":null}]}\n' >null.jsonl
bad 3 'null.jsonl:1 > the content of message 1 is no text' null.jsonl --set calib.template=none
absent result
end_checks
