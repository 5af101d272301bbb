#!/usr/bin/env bash
# Help of every command fits a screen; the man page and the completions are well formed; version.
. "$2/tests/cli/check.bash"
unset OMP_WAIT_POLICY OPENBLAS_NUM_THREADS OMP_STACKSIZE OPENBLAS_CORETYPE # as a user starts it
need_model

fits() {
    awk 'length > 80 { wide = 1 } / $/ { ragged = 1 } END { exit wide || ragged || NR > 48 }' out || fail "does not fit 48 lines of 80 columns"
    err_empty
}
run 0 help
fits
out_has '^usage: vq COMMAND'
cp out overview
run 0
cmp -s out overview || fail "vq alone and help differ"
err_empty
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' overview)
[ "$(wc -w <<<"$commands")" -ge 9 ] || fail "the overview lists '$commands'"
for command in $commands; do
    run 0 help $command
    fits
    out_has "^usage: vq $command"
    out_has '^example: vq '
    cp out page
    run 0 $command --help
    cmp -s out page || fail "--help and help differ"
done
for page in "eval ppl" "recipe list" "recipe show" "recipe check" "recipe explain"; do
    # shellcheck disable=SC2086
    run 0 help $page
    fits
    out_has "^usage: vq $page"
    cp out page
    # shellcheck disable=SC2086
    run 0 $page --help
    cmp -s out page || fail "--help and help differ"
done
run 0 help recipe list
grep -q -- --set out && fail "offers an option that recipe list does not know"
refuse 2 "\`vq recipe list\` does not know --set" recipe list --set a=b
refuse 2 "'pppl' has no page" help eval pppl
run 2 help --json
one_object
out_has '"error":"help > unknown option --json"'
# On a terminal everything fits 80 columns.
run 0 quantize "$tiny" -r nvfp4-arc --set calib.samples=1 --set calib.seqlen=16 -o arc
for list in "recipe list" "recipe show passes" "recipe show schemes" "recipe explain nvfp4-arc $tiny" "plan -v $tiny/model.safetensors -r nvfp4-arc --progress none" "inspect $tiny --progress none" "inspect arc --progress none" "diff $tiny arc --progress none"; do
    script -qec true /dev/null </dev/null >/dev/null 2>&1 || break
    last_args="$list on a terminal"
    script -qec "'$vq' $list" /dev/null </dev/null 2>&1 | tr -d '\r' >out
    [ "$(wc -l <out)" -gt 5 ] || fail "says little"
    awk 'length > 80 { wide = 1 } END { exit wide }' out || fail "is wider than 80 columns"
done
run 0 --help
out_has '^usage: vq COMMAND'
refuse 2 "unknown command 'paln'; did you mean .vq plan" help paln

run 0 -V
out_has '^vq [0-9]+\.[0-9]+\.[0-9]+ \((ref|avx2|avx512|amx)\)$'
run 0 version
out_has '^vq [0-9]'

run 0 help --man
out_has '^\.TH VQ 1'
out_has '^\.SH EXIT STATUS'
[ "$(wc -l <out)" -lt 280 ] || fail "the man page is long"
run 0 help --completion bash
bash -n out || fail "bash does not read the completion"
. ./out
# completes WANTED WORDS... -- the last of the words becomes WANTED.
completes() {
    local want=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _vq
    [ "${COMPREPLY[*]}" = "$want" ] || fail "completes '$*' to '${COMPREPLY[*]}', not '$want'"
}
touch 'nvfp4 notes.txt'
completes --numeric vq quantize --nu
completes plan vq pl
completes 'nvfp4-arc' vq quantize m -r nvfp4-
completes 'nvfp4 notes.txt' vq quantize m --data nvf
completes 'best-4bit best-w4a4' vq recipe show best
completes list vq recipe li
completes ppl vq help eval p
completes strict vq plan m --numeric s
completes strict vq plan m --numeric = s
completes '' vq plan m --threads ''
run 0 help --completion zsh
out_has '^#compdef vq'
if command -v zsh >/dev/null; then zsh -n out || fail "zsh does not read the completion"; fi

if [ -w /dev/full ]; then
    last_args='version > /dev/full'
    "$vq" version >/dev/full 2>err
    [ $? = 5 ] || fail "a full standard output is not exit code 5"
    for list in "diff same other" "diff same other --json"; do # the answer would be no
        mkdir -p same other
        st_make same/model.safetensors '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4
        st_make other/model.safetensors '{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4
        # shellcheck disable=SC2086
        run 1 $list
        # shellcheck disable=SC2086
        "$vq" $list >/dev/full 2>err
        [ $? = 5 ] || fail "an answer that cannot be written is not exit code 5"
    done
fi
# Nor does what was to be said vanish into a stdout that is closed; stdin and stderr are not needed.
for list in version "version --json" help "help plan" "plan --help" "recipe list" doctor; do
    last_args="$list >&-"
    # shellcheck disable=SC2086
    "$vq" $list >&- 2>err
    [ $? = 5 ] || fail "a closed standard output is not exit code 5"
    err_is 'vq: error: standard output cannot be written'
    # shellcheck disable=SC2086
    "$vq" $list <&- >out 2>&- || fail "needs more than a standard output"
    [ -s out ] || fail "prints nothing"
done
# A reader that leaves is no error: the exit code is that of the work.
for list in "help --man" "recipe show passes"; do
    last_args="$list | true"
    # shellcheck disable=SC2086
    { sleep 0.2; "$vq" $list; echo $? >code; } 2>err | true
    [ "$(cat code)" = 0 ] || fail "a reader that leaves makes it exit $(cat code)"
    err_empty
done
end_checks
