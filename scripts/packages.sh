#!/bin/sh
# packages.sh -- install what building vq needs and this Debian lacks. Does nothing when everything is there, says one line otherwise, and shows
# what apt said when it fails.
set -eu
packages="build-essential cmake pkg-config libopenblas-dev libyaml-dev libjansson-dev libpcre2-dev libutf8proc-dev libssl-dev libcmocka-dev"

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=""
if [ "$(id -u)" != 0 ]; then
    as_root="sudo"
    command -v sudo >/dev/null || { echo "these packages are missing:$missing; install them as root, or install sudo" >&2; exit 1; }
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
} >"$log" 2>&1 || { tail -30 "$log" >&2; echo "apt-get failed; its last lines are above" >&2; exit 1; }
