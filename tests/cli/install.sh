#!/usr/bin/env bash
# cmake --install to a prefix gives a program that works from there, its man page, completions and pages; uninstall takes all of it away.
. "$2/tests/cli/check.bash"
build=$(dirname "$vq")
command -v cmake >/dev/null || { echo "SKIP: no cmake"; exit 77; }
[ -f "$build/cmake_install.cmake" ] || { echo "SKIP: $build is no build folder"; exit 77; }

last_args="install to a prefix"
cmake --install "$build" --prefix "$work/prefix" >out 2>err || fail "cmake --install ends with $?"
for file in bin/vq share/man/man1/vq.1 share/bash-completion/completions/vq share/zsh/site-functions/_vq share/doc/vq/docs/cli.md; do
    [ -f "prefix/$file" ] || fail "installs no $file"
done
vq=$work/prefix/bin/vq
run 0 recipe show nvfp4
cmp -s out "$source_dir/recipes/nvfp4.yaml" || fail "the installed program lacks its recipes"
cmake --build "$build" --target uninstall >out 2>err || fail "uninstall ends with $?"
left=$(find prefix -type f)
[ -z "$left" ] || fail "left behind: $left"
end_checks
