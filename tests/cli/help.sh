#!/usr/bin/env bash
# Help of every command fits a screen; the man page and the completions are well formed; version.
. "$2/tests/cli/check.bash"

fits() {
    awk 'length > 100 { wide = 1 } END { exit wide || NR > 40 }' out || fail "does not fit 40 lines of 100 columns"
    err_empty
}
run 0 help
fits
out_has '^usage: vq COMMAND'
for command in plan calibrate quantize verify eval inspect recipe help version; do
    run 0 help $command
    fits
    out_has "^usage: vq $command"
    out_has '^example: vq '
    cp out page
    run 0 $command --help
    cmp -s out page || fail "--help and help differ"
done
run 0 --help
out_has '^usage: vq COMMAND'
refuse 2 "unknown command 'paln'; did you mean 'plan'" help paln

run 0 -V
out_has '^vq [0-9]+\.[0-9]+\.[0-9]+ \((ref|avx2|avx512|amx)\)$'
run 0 version
out_has '^vq [0-9]'

run 0 help --man
out_has '^\.TH VQ 1'
out_has '^\.SH EXIT STATUS'
[ "$(wc -l <out)" -lt 250 ] || fail "the man page is long"
run 0 help --completion bash
bash -n out || fail "bash does not read the completion"
COMP_WORDS=(vq quantize --nu) COMP_CWORD=2
. ./out
_vq
[ "${COMPREPLY[*]}" = --numeric ] || fail "completes --nu to '${COMPREPLY[*]}'"
COMP_WORDS=(vq pl) COMP_CWORD=1
_vq
[ "${COMPREPLY[*]}" = plan ] || fail "completes pl to '${COMPREPLY[*]}'"
run 0 help --completion zsh
out_has '^#compdef vq'
if command -v zsh >/dev/null; then zsh -n out || fail "zsh does not read the completion"; fi

if [ -w /dev/full ]; then
    last_args='version > /dev/full'
    "$vq" version >/dev/full 2>err
    [ $? = 5 ] || fail "a full standard output is not exit code 5"
fi
end_checks
