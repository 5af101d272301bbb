#!/usr/bin/env bash
# JSON lines as calibration data: what a template prints is what a text of the same characters gives, special tokens are tokens, and each
# option of the recipe changes the result.
. "$2/tests/cli/check.bash"
need_model
copy_model chat
printf '{%% for m in messages %%}{{ eos_token }}{{ m.role }}: {{ m.content | trim }}\n{%% endfor %%}' >chat/chat_template.jinja
sed 's/[\\"]//g' "$tiny/train.txt" | grep -E '.{60,}' | head -40 | while read -r line; do
    printf '{"messages":[{"role":"user","content":"  %s "},{"role":"assistant","content":"Yes."}]}\n' "$line" >&3
    printf '{"text":"<|endoftext|>user: %s\\n<|endoftext|>assistant: Yes.\\n"}\n' "$line" >&4
    printf '{"text":"  %s \\nYes.\\n"}\n' "$line" >&5
done 3>said.jsonl 4>printed.jsonl 5>contents.jsonl

# weights NAME DATA ARGS... -- quantizes into NAME and leaves the hash of its weights in NAME.sum
weights() {
    local name=$1 data=$2
    shift 2
    run 0 quantize chat -q -r nvfp4-arc --set calib.samples=4 --set calib.seqlen=64 --data "$data" -o "$name" "$@"
    cat "$name"/*.safetensors | sha256sum >"$name.sum"
}
same() { cmp -s "$1.sum" "$2.sum" || fail "$1 and $2 differ"; }
differ() { cmp -s "$1.sum" "$2.sum" && fail "$1 and $2 are the same"; }

weights said said.jsonl
weights printed printed.jsonl
same said printed
grep -qE '"kind": ?"jsonl"' said/vq.json || fail 'vq.json does not name the kind of the data'
weights plain said.jsonl --set calib.template=none
weights contents contents.jsonl
same plain contents
differ said plain
weights random said.jsonl --set calib.select=random
weights again said.jsonl --set calib.select=random
weights seed said.jsonl --set calib.select=random --set calib.seed=1
same random again
weights first said.jsonl --set calib.select=first
differ first said
differ random seed

# A name that does not end in .jsonl needs the kind; a template in tokenizer_config.json serves as well.
cp said.jsonl said.data
weights kind said.data --set calib.kind=jsonl
same kind said
rm chat/chat_template.jinja
sed -i 's/"unk_token": null/"chat_template": "{% for m in messages %}{{ eos_token }}{{ m.role }}: {{ m.content | trim }}\\n{% endfor %}"/' chat/tokenizer_config.json
weights config said.jsonl
same config said

# What is behind the last sample is not read.
{ cat said.jsonl; echo broken; } >tail.jsonl
weights tail tail.jsonl
same tail said

# Fewer samples than asked for, but half of them: a warning.
head -8 said.jsonl >half.jsonl
run 0 quantize chat -r nvfp4-arc --set calib.samples=8 --set calib.seqlen=64 --data half.jsonl -o half
err_has 'half\.jsonl: [0-9]+ tokens in 8 lines hold [4-7] of the 8 samples of 64; calibrating on those'
end_checks
