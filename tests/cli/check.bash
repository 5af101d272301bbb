# check.bash -- sourced by the scripts of this folder: runs vq, compares exit code and output, makes broken models.
# Each script is called with the path of vq and the source folder; it works in a folder of its own that goes away at the end.
set -u
[ -x "$1" ] || { echo "no program $1"; exit 1; }
vq=$1
source_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset VQ_THREADS VQ_MEM_LIMIT VQ_ISA VQ_NUMERIC VQ_SEED VQ_PROGRESS NO_COLOR
export LC_ALL=C TERM=xterm
failures=0
tiny=$source_dir/examples/models/tiny-llama

fail() {
    echo "FAIL: vq $last_args: $1"
    sed 's/^/  stdout: /' out | head -20
    sed 's/^/  stderr: /' err | head -20
    failures=$((failures + 1))
}

# run CODE ARGS (CODE may be a pattern such as [23])... -- vq must end with CODE; its output is in the files out and err.
run() {
    local want=$1
    shift
    last_args="$*"
    "$vq" "$@" >out 2>err
    local code=$?
    [[ $code = $want ]] || fail "exit code $code, not $want"
}

# refuse CODE TEXT ARGS... -- exit code, nothing on stdout, and exactly one line on stderr that has TEXT (an extended regular expression).
refuse() {
    local code=$1 text=$2
    shift 2
    run "$code" "$@"
    [ ! -s out ] || fail "prints on stdout"
    [ "$(grep -c '^vq: error: ' err)" = 1 ] || fail "does not say exactly one error line"
    grep -qE -- "$text" err || fail "stderr lacks '$text'"
}

out_has() { grep -qE -- "$1" out || fail "stdout lacks '$1'"; }
err_has() { grep -qE -- "$1" err || fail "stderr lacks '$1'"; }
out_is() { [ "$(cat out)" = "$1" ] || fail "stdout is not '$1'"; }
err_is() { [ "$(cat err)" = "$1" ] || fail "stderr is not '$1'"; }
err_empty() { [ ! -s err ] || fail "says something on stderr"; }

# one_object -- stdout is one JSON object on one line.
one_object() {
    [ "$(wc -l <out)" = 1 ] && grep -qE '^\{"schema":"vq\.[a-z]+/1","vq":"[0-9.]+","ok":(true|false),"exit":[0-9]+,"inputs":\[.*\}$' out || fail "not one JSON object"
    if command -v jq >/dev/null; then
        jq -e . out >/dev/null || fail "jq does not read it"
    elif command -v python3 >/dev/null; then
        python3 -m json.tool out >/dev/null || fail "python does not read it"
    fi
}

# absent PATH -- no file of that name and no leftover of it.
absent() {
    local left
    left=$(ls -d "$1" "$1".* 2>/dev/null)
    [ -z "$left" ] || fail "left behind: $left"
}

end_checks() {
    [ $failures = 0 ] || { echo "$failures failures"; exit 1; }
    exit 0
}

# need_model -- skip without the embedded model.
need_model() {
    [ -f "$tiny/model.safetensors" ] || { echo "SKIP: no $tiny/model.safetensors"; exit 77; }
}

# le64 N -- N as eight little-endian bytes.
le64() {
    local n=$1 i
    for i in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $((n & 255)))"
        n=$((n >> 8))
    done
}

# st_make PATH HEADER DATABYTES -- a safetensors file with this header text and so many zero bytes.
st_make() {
    { le64 ${#2}; printf %s "$2"; head -c "$3" /dev/zero; } >"$1"
}

st_header_size() { od -An -tu8 -N8 "$1" | tr -d ' '; }
st_header() { tail -c +9 "$1" | head -c "$(st_header_size "$1")"; }

# st_edit FROM TO SED -- the same file with its header text edited.
st_edit() {
    local size header
    size=$(st_header_size "$1")
    header=$(st_header "$1" | sed "$3")
    { le64 ${#header}; printf %s "$header"; tail -c +$((9 + size)) "$1"; } >"$2"
}

# st_offset FILE TENSOR -- byte of the file where a tensor's data begins.
st_offset() {
    local begin
    begin=$(st_header "$1" | grep -oE "\"$2\":\{[^}]*\}" | grep -oE '"data_offsets": ?\[[0-9]+' | grep -oE '[0-9]+$')
    echo $((8 + $(st_header_size "$1") + begin))
}

# poke FILE OFFSET BYTES -- overwrite bytes, written as for printf ('\x00\x7f').
poke() {
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# copy_model NAME -- a writable copy of the embedded model's files in the folder NAME.
copy_model() {
    mkdir -p "$1"
    cp "$tiny"/*.json "$tiny"/model.safetensors "$1"/
    chmod -R u+w "$1"
}
