#!/usr/bin/env bash
# vq tokenize: ids of a text (those of the tokenizers library, by tests/text), and back; files, conversations, what is refused.
. "$2/tests/cli/check.bash"
need_model

run 0 tokenize "$tiny" 'The quick' --ids
out_is '445 221 81 85 73 67 75'
err_is '7 tokens of 9 bytes'
run 0 tokenize "$tiny/model.safetensors" 'The quick' --ids -q
out_is '445 221 81 85 73 67 75'
run 0 tokenize "$tiny/tokenizer.json" 'The quick' --json
one_object
out_has '"result":\{"count":7,"ids":\[445,221,81,85,73,67,75\],"tokens":\["The","Ġ","q","u","i","c","k"\]\}'
run 0 tokenize "$tiny" 'The quick'
[ "$(head -2 out)" = "$(printf '     445  The\n     221  Ġ')" ] || fail "not a line for each token"

# A file there and back; ids as --tokens takes them.
run 0 tokenize "$tiny" --data "$tiny/test.txt" -o ids.i32
err_has '^20224 tokens of 47669 bytes$'
[ "$(wc -c <ids.i32)" = 80896 ] || fail "not four bytes for an id"
run 0 tokenize "$tiny" --decode --tokens ids.i32
cmp -s out "$tiny/test.txt" || fail "the text is another one"
run 0 eval ppl "$tiny" --tokens ids.i32 --window 64 --max-windows 2
run 0 tokenize "$tiny" --decode '[445, 221,81 85 73 67 75]'
out_is 'The quick'
run 0 tokenize "$tiny" --decode '445 0 445' --json
out_has '"text":"The<\|endoftext\|>The"'
run 0 tokenize "$tiny" --decode '445 0 445' --no-special
out_is 'TheThe'
refuse 2 'ids.i32 exists already' tokenize "$tiny" The -o ids.i32
run 0 tokenize "$tiny" The -o ids.i32 --force
[ "$(wc -c <ids.i32)" = 4 ] || fail "--force does not replace"
printf 'AB!\n' >note.txt
refuse 2 'note.txt' tokenize "$tiny" The -o note.txt --force

# Special tokens are put around a text, and left out when asked; a template writes its own.
copy_model around
sed -i 's/"post_processor": null/"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}}/' around/tokenizer.json
printf '{%% for m in messages %%}{{ m.content }}{%% endfor %%}{%% if add_generation_prompt %%}quick{%% endif %%}' >around/chat_template.jinja
run 0 tokenize around The --ids
out_is '0 445'
run 0 tokenize around The --ids --no-special
out_is '445'
run 0 tokenize around --chat 'The ' --ids
out_is '445 221 81 85 73 67 75'
err_is '7 tokens'

refuse 2 'give a text' tokenize "$tiny"
refuse 2 'give one text' tokenize "$tiny" The --data "$tiny/test.txt"
refuse 2 'goes with --decode' tokenize "$tiny" --tokens ids.i32
refuse 2 'takes ids' tokenize "$tiny" --decode --data "$tiny/test.txt"
refuse 3 "'x' is no token id" tokenize "$tiny" --decode '1 x'
refuse 3 "'99999999999' is no token id" tokenize "$tiny" --decode 99999999999
# Characters that a vocabulary cannot hold here, and those that it cannot hold anywhere.
mkdir nul
for odd in '\\u0000' '\\ud800' '\\udc00x'; do
    sed -E "s/\"ell\": ?300/\"a$odd\": 300/" "$tiny/tokenizer.json" >nul/tokenizer.json
    cmp -s nul/tokenizer.json "$tiny/tokenizer.json" && fail "nothing is edited"
    refuse 3 'nul/tokenizer.json > broken JSON at byte [0-9]+' tokenize nul The
done
refuse 3 'names no token' tokenize "$tiny" --decode 512
refuse 3 'not UTF-8' tokenize "$tiny" $'\xff'
refuse 3 'no such file or folder' tokenize nothing The
printf 123 >odd.i32
refuse 3 'odd.i32.* not whole int32' tokenize "$tiny" --decode --tokens odd.i32
mkdir bare
refuse 3 'tokenizer.json' tokenize bare The
end_checks
