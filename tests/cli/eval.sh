#!/usr/bin/env bash
# vq eval ppl of several texts and models: each figure is that of a run of its own, bit for bit; the worst text; what is refused before the work.
. "$2/tests/cli/check.bash"
need_model
cp "$tiny/test.txt" "$tiny/valid.txt" .
head -c 3000 "$tiny/train.txt" >train.txt
"$vq" quantize "$tiny" -r nvfp4a16 -o four -q --progress none
"$vq" quantize "$tiny" -r int8-w8a16 -o eight -q --progress none
cut="--window 129 --max-windows 3 --stride 100 --json --progress none"

# alone MODEL TEXT ARGS... -- its figures, as they must stand in a table: all but those of the run.
alone() {
    run 0 eval ppl "$1" --data "$2" $cut "${@:3}"
    sed -E 's/.*"result":\{//; s/"window":[0-9]+,"seconds":[0-9.e-]+,"tokens_per_second":[0-9.e+-]+,//; s/\}\}$//; s/^/{"data":"'"$2"'",/; s/$/}/' out
}
same_alone() { # same_alone MODELS TEXTS ARGS... -- the table has the figures of every model on every text
    local models=$1 texts=$2 model text data=()
    shift 2
    for text in $texts; do data+=(--data "$text"); done
    # shellcheck disable=SC2086
    run 0 eval ppl $models "${data[@]}" $cut "$@"
    one_object
    cp out table
    for model in $models; do
        for text in $texts; do
            alone "$model" "$text" "$@" >row
            { [ "$models" = "$model" ] && cat table || sed "s/.*\"model\":\"$model\"//; s/\"model\":.*//" table; } >of_model
            grep -qF -f row of_model || { echo "want: $(cat row)"; cp of_model out; fail "other figures of $model on $text than alone"; }
        done
    done
}
same_alone four "test.txt valid.txt train.txt"
grep -q '"worst"' table && fail "perplexities of different texts are compared"
same_alone "four eight" "valid.txt test.txt" --ref "$tiny" --bos
same_alone "four eight" test.txt

# The text with the largest KL as awk finds it and as the result names it.
run 0 eval ppl four --data test.txt --data valid.txt --data train.txt $cut --ref "$tiny"
awk '{ n = split($0, text, /"data":"/)
    for (i = 2; i < n; i++) {
        name = text[i]; sub(/".*/, "", name); kl = text[i]; sub(/.*"kl":/, "", kl)
        if (kl + 0 > most) { most = kl + 0; worst = name } }
    named = text[n]; sub(/".*/, "", named); print worst, named }' out >worst
grep -qE '^([a-z.]+) \1$' worst || fail "the worst text is the first of: $(cat worst)"

# For people: a row for each, the worst text of each model, one bar over everything.
run 0 eval ppl four eight --data test.txt --data valid.txt --ref "$tiny" --window 129 --max-windows 5
out_has '^  model +text +perplexity +loss diff\. +KL divergence +same top$'
for row in tiny-llama four eight; do out_has "^  $row +test.txt +[0-9.]+ \+- [0-9.]+ "; done
out_has '^  worst +four: (test|valid).txt, KL 0\.[0-9]+ \+- 0\.'
out_has '^  worst +eight: (test|valid).txt, KL '
out_has '^  predicted +1280 tokens in 10 windows of 129$'
err_has '^10 windows of 129 tokens in 2 texts, 2 models and the reference: (about|under) '
run 0 eval ppl four --data test.txt --data valid.txt --window 129 --max-windows 1
grep -q worst out && fail "a worst text without a reference"
mkdir deeper
cp train.txt deeper/test.txt
run 0 eval ppl four --data test.txt --data deeper/test.txt --window 129 --max-windows 1
out_has '^  deeper/test.txt '
run 0 eval ppl four --data test.txt --data valid.txt --window 129 --max-windows 8 --progress json
[ "$(grep -o '"phase":"evaluating","done":[0-9]*,"total":[0-9]*' err | sed 's/.*total":/ /' | sort -u | wc -l)" = 1 ] || fail "more than one bar"

# before REFUSAL... -- refused without having worked.
before() {
    refuse "$@" --progress plain
    grep -q '^evaluating' err && fail "found only after it had begun"
}
printf 'short' >short.txt
printf 'not \377 text' >latin.txt
cp test.txt copy.txt
before 3 'missing.txt' eval ppl four --data test.txt --data missing.txt --window 129
before 3 'short.txt: [0-9]+ tokens do not fill one window of 129' eval ppl four --data test.txt --data short.txt --window 129
before 3 'latin.txt.*UTF-8' eval ppl four --data test.txt --data latin.txt --window 129
before 2 'test.txt and test.txt hold the same text: give one of them' eval ppl four --data test.txt --data test.txt --window 129
before 2 'test.txt and copy.txt hold the same text' eval ppl four --data test.txt --data copy.txt --window 129
printf '{"text":"%s"}\n' {1..200} >lines.jsonl
run 0 eval ppl four --data lines.jsonl --window 129 --max-windows 1
err_has '^warning: lines.jsonl: .*vq eval takes text alone \[looks-like-jsonl\]$'
before 2 '0.5:test.txt: a test text counts as a whole; name test.txt alone' eval ppl four --data 0.5:test.txt
before 2 'model four is given twice' eval ppl four eight four --data test.txt
before 2 'model ./four is given twice' eval ppl four eight ./four --data test.txt
before 2 "'valid.txt' is no model; did you mean --data valid.txt\?" eval ppl four --data test.txt valid.txt
before 2 '17 texts: at most 16' eval ppl four $(printf -- '--data t%d ' {1..17})
before 2 '17 models: at most 16' eval ppl m{1..17} --data test.txt
before 2 'not both' eval ppl four --data test.txt --tokens x.i32
before 3 'gone' eval ppl four gone --data test.txt --window 129
run 0 tokenize four --data test.txt -o test.i32
run 0 tokenize four --data valid.txt -o valid.i32
run 0 eval ppl four --tokens test.i32 --tokens valid.i32 --window 129 --max-windows 2
printf '\xff\xff\x00\x00%.0s' {1..200} >other.i32
before 3 'other.i32.*id 65535.*right tokenizer' eval ppl four --tokens test.i32 --tokens other.i32 --window 129
# A model whose tokenizer reads the text otherwise.
cp -r eight reads
chmod -R u+w reads
python3 - reads/tokenizer.json <<'END' 2>/dev/null && before 3 'reads: other tokens of test.txt than the first model' eval ppl four reads --data test.txt --window 129
import json, sys
t = json.load(open(sys.argv[1]))
t["model"]["merges"] = t["model"]["merges"][:10]
json.dump(t, open(sys.argv[1], "w"))
END

# Activations are those of one model, however many there are: six run where two do, but for what is read of each.
for i in 1 2 3 4; do cp -r four four$i; done
memory() { "$vq" eval ppl $1 --data test.txt --ref "$tiny" --max-windows 4 --threads 2 --progress none -q --mem-limit ${2}M >out 2>err; }
limit=24
while ! memory "four eight" $limit && [ $limit -lt 100 ]; do limit=$((limit + 2)); done
last_args="eval ppl of six models with --mem-limit $((limit + 2))M; two need ${limit}M"
memory "four eight four1 four2 four3 four4" $((limit + 2)) || fail "too much memory"

# A model that is the reference too runs twice, and that is said; without the quantized inputs it is another one.
run 0 eval ppl four eight --ref ./four --data test.txt --window 129 --max-windows 2
err_has '^four is the reference too, and runs twice; the table has a row for --ref without it$'
run 0 eval ppl four --ref four --weights-only --data test.txt --window 129 --max-windows 2
! grep -q 'runs twice' err || fail 'says that weights alone are the reference'

# A signal while it works, which takes half a minute if none comes: exit code 7. What is waited for must not be of the run before.
rm -f err
(
    trap - INT
    exec "$vq" eval ppl four eight --data test.txt --data valid.txt --data "$tiny/train.txt" --ref "$tiny" --window 257 --stride 8 >out 2>err
) &
pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '^evaluating' err; do sleep 0.01; done
kill -INT $pid
wait $pid
code=$?
last_args='eval ppl, SIGINT'
[ $code = 7 ] || fail "exit code $code, not 7"
[ ! -s out ] || fail "prints figures of half a run"
end_checks
