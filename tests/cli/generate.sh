#!/usr/bin/env bash
# vq generate: greedy choices against those of transformers 5.23 (AutoModelForCausalLM.generate, do_sample=False, float32, on this model),
# the same tokens whether a prompt runs at once or over the cache, seeded draws, ends of a text, what is refused.
. "$2/tests/cli/check.bash"
need_model

ids() { sed -E 's/.*"ids":\[([^]]*)\].*/\1/' out; }
says() { [ "$(ids)" = "$1" ] || fail "ids are $(ids), not $1"; }
# int32 ID... -- the ids as a file on stdout.
int32() {
    local id
    for id; do
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $((id & 255)))\\x$(printf %02x $((id >> 8)))\\0\\0"
    done
}

run 0 generate "$tiny" --prompt 'The quick' -n 24 --json
one_object
says 76,65,319,259,263,391,393,334,411,14,326,55,367,291,221,17,16,276,76,85,83,221,17,16
out_has '"text":"lair there,\\" said Dora\. \\"What is 10 plus 10","ids".*"stopped":"length","prompt_tokens":7'
run 0 generate "$tiny" --prompt 'Once upon a time' -n 24 --json
says 77,258,292,14,199,41,78,259,484,12,351,285,299,402,221,17,17,431,83,14,316,305,71,285
run 0 generate "$tiny" --prompt a -n 24 --json
says 283,259,446,388,262,259,492,14,324,367,396,341,345,306,79,283,262,259,493,31,287,446,388,14
run 0 generate "$tiny" --prompt '1 + 1 =' -n 24 --json
says 221,17,16,16,14,221,17,16,221,88,221,17,17,338,221,17,16,16,14,221,17,18,221,88

# As text, with the rate on stderr; the same from ids; a reader that leaves early is no error.
run 0 generate "$tiny" -p 'The quick' -n 24
out_is 'lair there," said Dora. "What is 10 plus 10'
err_has '^24 tokens in [0-9.]+ s, [0-9.]+ tokens/s \(prompt: 7 in '
run 0 generate "$tiny" -p 'The quick' -n 24 -q
err_empty
int32 445 221 81 85 73 67 75 >prompt.i32
run 0 generate "$tiny" --tokens prompt.i32 -n 24 -q
out_is 'lair there," said Dora. "What is 10 plus 10'
"$vq" generate "$tiny" -p 'The quick' -n 50 2>err | head -c 1 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] && ! grep -q error err || fail "a reader that leaves is an error"

# Without a tokenizer ids go in and out.
mkdir bare
cp "$tiny"/config.json "$tiny"/model.safetensors bare/
run 0 generate bare --tokens prompt.i32 -n 4
out_is '76 65 319 259'
run 3 generate bare -p The
err_has 'tokenizer'
run 0 generate bare -n 3
[ "$(wc -w <out)" = 3 ] || fail "does not begin from the first token"

# An artifact: one prompt at once gives what it gave over the cache, with quantized inputs and without.
run 0 quantize "$tiny" -r nvfp4 -o four
for how in '' --weights-only; do
    # shellcheck disable=SC2086
    run 0 generate four --tokens prompt.i32 -n 12 --json $how
    IFS=, read -ra made <<<"$(ids)"
    for at in 1 5 11; do
        int32 445 221 81 85 73 67 75 "${made[@]:0:at}" >longer.i32
        # shellcheck disable=SC2086
        run 0 generate four --tokens longer.i32 -n 1 --json $how
        says "${made[$at]}"
    done
done

# Weights that meet plain inputs are decoded once where they fit, to the same tokens as where they do not.
for recipe in nvfp4a16 int4-g64 fp8; do
    run 0 quantize "$tiny" -r $recipe -o once -q --force
    for how in '' --weights-only; do
        # shellcheck disable=SC2086
        run 0 generate once -p 'The quick' -n 24 --json -v $how
        held=$(ids)
        ! grep -q 'decoded anew' err || fail "does not hold what fits"
        # shellcheck disable=SC2086
        run 0 generate once -p 'The quick' -n 24 --json --mem-limit 3M $how
        says "$held"
        [ "$recipe$how" = fp8 ] || err_has '^[0-9]+ MiB of decoded weights do not fit the memory: they are decoded anew for every token$'
    done
done

# Draws: the same for a seed and for every number of threads, others for another seed; the likeliest alone is greedy.
run 0 generate "$tiny" -p The -n 40 --seed 5 -t 1 --json
first=$(ids)
run 0 generate "$tiny" -p The -n 40 --seed 5 --temperature 1 -t 2 --json
says "$first"
run 0 generate "$tiny" -p The -n 40 --seed 6 --json
[ "$(ids)" != "$first" ] || fail "two seeds draw the same"
run 0 generate "$tiny" -p 'The quick' -n 5 --top-k 1 --json
says 76,65,319,259,263
run 0 generate "$tiny" -p 'The quick' -n 5 --top-p 0 --json
says 76,65,319,259,263

# A text ends at each of the tokens that end one, or with the context; it begins by itself.
copy_model ends
sed -i 's/"eos_token_id": 0/"eos_token_id": [0, 259]/' ends/generation_config.json
run 0 generate ends -p 'The quick' --json
says 76,65,319
out_has '"stopped":"eos"'
sed -i 's/"max_position_embeddings": 512/"max_position_embeddings": 10/' ends/config.json
run 0 generate ends -p 'The quick' --temperature 0 --json
says 76,65,319
sed -i 's/"max_position_embeddings": 10/"max_position_embeddings": 9/' ends/config.json
run 0 generate ends -p 'The quick' --json
says 76,65
out_has '"stopped":"context"'
refuse 3 'the prompt is 12 tokens long, and the context of ends holds 9 with what follows: shorten it' generate ends -p 'Once upon a time'
run 0 generate "$tiny" -n 3 --json
out_has '"prompt_tokens":1'

# A conversation goes through the model's template, up to where the model answers.
refuse 3 'has no chat template' generate "$tiny" --chat Hello
cp -r ends chat
cp "$tiny"/*config.json chat/
printf '{%% for m in messages %%}{{ m.role[0] + ":" + m.content + "." }}{%% endfor %%}{%% if add_generation_prompt %%}The quick{%% endif %%}' >chat/chat_template.jinja
run 0 generate chat --system x --chat Hi --chat Yes --chat No -n 9 --json
chat=$(ids)
run 0 generate "$tiny" --prompt 's:x.u:Hi.a:Yes.u:No.The quick' -n 9 --json
says "$chat"
refuse 2 "the last --chat is the user's" generate chat --chat Hi --chat Yes
refuse 2 'use one' generate chat --chat Hi --prompt The
refuse 2 '--system goes with --chat' generate chat --system Hi
refuse 3 'user says is not UTF-8' generate chat --chat $'\xff'
refuse 3 'not UTF-8' generate chat --prompt $'\xff'
refuse 2 '--temperature needs a number from 0 to 1000' generate "$tiny" --temperature -1
refuse 2 '--top-p needs a number from 0 to 1;' generate "$tiny" --top-p 1.5
refuse 2 '--temperature needs a number from 0 to 1000' generate "$tiny" --temperature 1e4
refuse 2 '--temperature needs a number from 0 to 1000' generate "$tiny" --temperature 1e
for tiny_number in 1e-40 1e-400 "0.$(printf '%0400d' 1)"; do # greedy, or nearly
    run 0 generate "$tiny" -p 'The quick' -n 5 -q
    mv out greedy
    run 0 generate "$tiny" -p 'The quick' -n 5 -q --temperature "$tiny_number"
    cmp -s out greedy || fail "draws what is not the likeliest"
    run 0 generate "$tiny" -p 'The quick' -n 5 -q --top-p "$tiny_number"
    cmp -s out greedy || fail "draws what is not the likeliest"
done
refuse 2 'draws nothing' generate "$tiny" --temperature 0 --top-k 3
int32 600 >outside.i32
refuse 3 'id 600 at position 0 is outside' generate "$tiny" --tokens outside.i32
refuse 4 'token ids|keys|limit' generate "$tiny" -p The --mem-limit 10K
end_checks
