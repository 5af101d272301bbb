#!/usr/bin/env bash
# Usage errors: exit code 2, nothing on stdout, one line on stderr that says what to do.
. "$2/tests/cli/check.bash"

run 2 quantise
err_is "vq: error: unknown command 'quantise'; did you mean 'quantize'?; \`vq help\` lists the commands"
refuse 2 "unknown command 'zzzzzzzz'; " zzzzzzzz
refuse 2 'the command comes first' --json plan

refuse 2 'unknown option --recpie; did you mean --recipe\?' quantize m --recpie nvfp4
refuse 2 'unknown option --xyzzyxyzzy$' plan m --xyzzyxyzzy
refuse 2 'unknown option --data' verify m --data t
refuse 2 'unknown option -x' plan -x
refuse 2 '--recipe needs a value' quantize m --recipe
refuse 2 '-o needs a value' quantize m -o
refuse 2 '--force takes no value' quantize m --force=yes
refuse 2 '--recipe is given twice' quantize m -r a -r b
refuse 2 '--recipe needs a value' quantize m --recipe=

refuse 2 'something is missing: vq quantize MODEL -r RECIPE' quantize
refuse 2 'no recipe: give one with -r; `vq recipe list`' quantize m
refuse 2 'no recipe' plan m
refuse 2 "'b' is one argument too many" quantize a b -r nvfp4
refuse 2 'an argument is empty' inspect ''
refuse 2 '--data and --tokens' quantize m -r nvfp4 --data a --tokens b
refuse 2 '--seed and --set calib.seed' plan m -r nvfp4 --seed 1 --set calib.seed=2
refuse 2 'needs KEY=VALUE' plan m -r nvfp4 --set calib.samples

refuse 2 "'pppl' is none of ppl" eval pppl m --data t
refuse 2 'something is missing: vq eval ppl MODEL' eval ppl
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
