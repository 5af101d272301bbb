#!/usr/bin/env bash
# vq doctor: what the machine has, as the system says it; every check passes, in under 5 s; --json; limits.
. "$2/tests/cli/check.bash"

run 0 doctor
out_has "^  kernels +$("$vq" version --json | sed -E 's/.*"isa":"([a-z0-9]+)".*/\1/')$"
out_has '^  page +[0-9.]+ KiB$'
out_has '^  BLAS +OpenBLAS .*, running as [A-Za-z0-9]+$'
out_has '^  libraries +jansson [0-9.]+, libyaml [0-9.]+, pcre2 [0-9.]+, utf8proc [0-9.]+, OpenSSL [0-9.]+'
for check in hashes 'number formats' kernels 'matrix products'; do
    out_has "^  $check +ok$"
done
err_empty
# OpenBLAS takes the kernels of the instruction set, whatever the processor's model number is; those that the user names stay.
unset OPENBLAS_CORETYPE
flags=" $(sed -n '/^flags/ { s/.*: //p; q }' /proc/cpuinfo) "
case $flags in
*" avx512vl "*) core=SkylakeX ;;
*" avx2 "*) core=Haswell ;;
*) core='[A-Za-z0-9]+' ;;
esac
run 0 doctor
out_has "running as $core\$"
OPENBLAS_CORETYPE=Nehalem run 0 doctor
out_has 'running as Nehalem$'
run 0 doctor --json -t 2
one_object
out_has "\"threads\":2,\"processors\":$(getconf _NPROCESSORS_ONLN),\"memory\":$(($(awk '/^MemTotal/ { print $2 }' /proc/meminfo) * 1024)),"
out_has "\"page\":$(getconf PAGESIZE),"
seconds=$(sed -E 's/.*"seconds":([0-9.]+).*/\1/' out)
awk "BEGIN { exit !($seconds < 5) }" || fail "takes $seconds s"
run 0 doctor --isa ref --numeric strict
out_has '^  kernels +ref$'
refuse 2 'one argument too many' doctor more
refuse 4 'limit' doctor --mem-limit 1K
# Met inside a check; the sanitizer's memory is not counted, so that there the limit holds all of them.
grep -q __asan_init "$vq" || refuse 4 'limit' doctor --mem-limit 1M
end_checks
