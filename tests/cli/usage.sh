#!/usr/bin/env bash
# Usage errors: exit code 2, nothing on stdout, one line on stderr that says what to do.
. "$2/tests/cli/check.bash"

run 2 quantise
err_is "vq: error: unknown command 'quantise'; did you mean \`vq quantize\`?"
refuse 2 "unknown command 'zzzzzzzz'; .vq help. lists the commands" zzzzzzzz
for word in ppl perplexity evaluate; do refuse 2 "unknown command '$word'; did you mean .vq eval ppl.\?" $word m; done
refuse 2 'did you mean `vq generate`' chat m
refuse 2 'did you mean `vq recipe list`' list
for word in quant gen tok; do refuse 2 "unknown command '$word'; did you mean .vq (quantize|generate|tokenize)" $word m; done
# With --progress json every line of stderr is an object, of errors before it too.
for words in 'quantise m --progress json' 'quantize --bogus m --progress=json' '--progress json plan'; do
    # shellcheck disable=SC2086
    run 2 $words
    err_has '^\{"event":"error","text":".*"\}$'
    [ "$(wc -l <err)" = 1 ] || fail 'not one line'
done
run 2 --json plan
one_object
err_is "vq: error: the command comes first, then its options; \`vq help\` lists the commands"
out_has '^\{"schema":"vq.usage/1".*"exit":2,.*"error":"the command comes first, then its options; .*"result":null\}$'
refuse 5 "^vq: error: .*xxx\.\.\.xxx.*: the (path|name) is too long$|^vq: error: .*xxx\.\.\.xxx.*: File name too long$" quantize "$tiny" -r nvfp4a16 -o "$(printf 'x%.0s' {1..6000})"
run 2 quantise m --json
one_object
out_has '"error":"unknown command .quantise.; did you mean .*"result":null\}$'
run 2 --json
one_object
refuse 2 '--seed needs a whole number from 0 to 9000000000000000; got .18446744073709551615' generate m --seed 18446744073709551615
refuse 2 '--seed needs a whole number from 0 to 9000000000000000; got .9000000000000001' plan m -r nvfp4 --seed 9000000000000001
refuse 2 '--max-tokens needs a whole number .*got .99999999999999999999' generate m --max-tokens 99999999999999999999

refuse 2 'unknown option --recpie; did you mean --recipe\?' quantize m --recpie nvfp4
refuse 2 'unknown option --xyzzyxyzzy$' plan m --xyzzyxyzzy
refuse 2 'unknown option --data' verify m --data t
refuse 2 'unknown option -x' plan -x
refuse 2 '--recipe needs a value' quantize m --recipe
refuse 2 '-o needs a value' quantize m -o
refuse 2 '--force takes no value' quantize m --force=yes
refuse 2 '--recipe is given twice' quantize m -r a -r b
refuse 2 '--recipe needs a value' quantize m --recipe=

refuse 2 'MODEL is missing; usage: vq quantize MODEL -r RECIPE.*`vq help quantize`' quantize
refuse 2 'B is missing; usage: vq diff A B' diff a
refuse 2 'what to do is missing \(list, show' recipe
refuse 2 'no recipe: give one with -r; `vq recipe list`' quantize m
refuse 2 'no recipe' plan m
refuse 2 "'b' is one argument too many" quantize a b -r nvfp4
# The order of other tools: the option that was left out is named.
refuse 2 "'Q4_K_M' is one argument too many; did you mean -r Q4_K_M\?" quantize m Q4_K_M
refuse 2 'did you mean -r nvfp4\?' plan m nvfp4
refuse 2 'did you mean -r mine.yaml\?' quantize m mine.yaml
refuse 2 "did you mean --prompt 'Hello there'\?" generate m 'Hello there'
echo text >words.txt
refuse 2 'did you mean --data words.txt\?' quantize m words.txt -r nvfp4
refuse 2 'did you mean --against words.txt\?' verify m words.txt
refuse 2 'one argument too many; usage: vq quantize MODEL' quantize m words.txt -r nvfp4 --data x
refuse 2 'an argument is empty' inspect ''
refuse 2 '--seed and --set calib.seed' plan m -r nvfp4 --seed 1 --set calib.seed=2
refuse 2 '--data and --set calib.data both give' quantize m -r nvfp4 --data t --set calib.data=self
refuse 2 '--tokens and --set calib.data both give' plan m -r nvfp4 --tokens t --set calib.data=u
refuse 2 '300KB" is no size: .* kB, MB, GB, KiB' recipe check nvfp4 --set output.shard=300KB
refuse 2 'needs KEY=VALUE' plan m -r nvfp4 --set calib.samples

refuse 2 "'pppl' is none of ppl" eval pppl m --data t
refuse 2 "'m' is none of ppl: vq eval ppl MODEL .* --data TEXT" eval m --data t
refuse 2 'MODEL is missing; usage: vq eval ppl MODEL' eval ppl
refuse 2 'give the test text as --data TEXT or as --tokens FILE$' eval ppl m
refuse 2 'not both' eval ppl m --data t --tokens f
refuse 2 '--stride 300 is larger than --window 200' eval ppl m --data t --window 200 --stride 300

refuse 2 "'shwo' is none of list, show, check" recipe shwo
refuse 2 'needs a name' recipe show
refuse 2 'takes no name' recipe list nvfp4
refuse 2 'ask for one' help --man --completion bash
# A variable that nobody reads is a slip: one warning, with the nearest name.
VQ_THREDS=3 VQ_HOME=/x run 3 plan missing.safetensors -r nvfp4
err_has '^warning: VQ_THREDS: .* did you mean VQ_THREADS\? \[environment-unknown\]$'
[ "$(grep -c environment-unknown err)" = 2 ] || fail "does not warn once of each"
VQ_SHARED=/x run 3 plan missing.safetensors -r nvfp4
grep -q environment-unknown err && fail "warns of a variable of the tests"
end_checks
