#!/usr/bin/env bash
# Every command line of README.md and docs/*.md (in a fence, or four spaces in), run as it stands in a folder of its own for each page, on the embedded model under the
# names that the pages use. A line ends with 0, or with what its comment says ("# ... exit 1"). What cannot run here is in `elsewhere`, with the reason.
. "$2/tests/cli/check.bash"
need_model
mkdir bin
ln -s "$vq" bin/vq
export PATH=$PWD/bin:$PATH

# Lines that are not run: a pattern of the line, and why.
elsewhere() {
    case $1 in
    *scripts/demo.sh* | *scripts/test.sh* | *scripts/lint.sh* | *scripts/fuzz.sh* | *scripts/mutate.py* | *scripts/packages.sh*) echo "installs, builds or takes long" ;;
    *cmake* | cpack* | ctest* | *apt* | *dpkg*) echo "builds or installs" ;;
    *bench/* | *scripts/results.py*) echo "takes hours, or needs other tools" ;;
    *examples/*/run.sh*) echo "a test of its own" ;;
    vllm* | llama-* | *convert_hf_to_gguf.py* | pip* | hf*) echo "another program" ;;
    *tests/text/compare_tokenizers.py*) echo "needs Python packages" ;;
    *) return 1 ;;
    esac
}

# commands FILE -- its command lines.
commands() {
    awk '/^```/ { fence = !fence; next } fence || /^    / { sub(/^ */, ""); sub(/^\$ /, ""); print }' "$1" |
        grep -E '^([A-Z][A-Z0-9_]*=[^ ]* )*(vq|sh|bash|python3?|cmake|cpack|ctest|vllm|llama-[a-z]+|pip|hf|apt(-get)?|sudo|dpkg|VQ_[A-Z]*=[^ ]*) '
}

# world -- the names that pages use, in the folder where their lines are run. The context is that of the model which they are about.
world() {
    local name i
    for name in SmolLM2-135M-Instruct model; do
        copy_model $name
        sed -i 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 2048/' $name/config.json
    done
    cp "$tiny/train.txt" calibration.txt
    head -c 16000 "$tiny/test.txt" >heldout.txt
    cp heldout.txt text.txt
    head -c 16000 "$tiny/valid.txt" >prose.txt
    head -c 16000 "$tiny/train.txt" >code.txt
    for ((i = 0; i < 17000; i++)); do printf '\\x%02x\\x%02x\\0\\0' $((i % 256)) $((i % 2)); done >ids
    # shellcheck disable=SC2059
    printf "$(cat ids)" >wikitext2-valid.i32
    head -c 16384 wikitext2-valid.i32 >wikitext2-test.i32
}

# recipes_of FILE -- the recipe that a page writes down, as mine.yaml.
recipes_of() { awk '/^    vq: 1/ { on = 1 } on && !/^    / { exit } on { print substr($0, 5) }' "$1" >mine.yaml; }

ran=0 left=0
mkdir empty && (cd empty && world)
for page in "$source_dir"/README.md "$source_dir"/docs/*.md; do
    commands "$page" >lines
    [ -s lines ] || continue
    dir=$(basename "$page" .md)
    cp -r empty "$dir"
    (cd "$dir" && recipes_of "$page")
    while IFS= read -r line; do
        last_args="($(basename "$page")) $line"
        if why=$(elsewhere "$line"); then
            left=$((left + 1))
            echo "not run ($why): $line"
            continue
        fi
        line=${line//RECIPE/nvfp4} line=${line// OUT / SmolLM2-135M-Instruct.nvfp4 }
        want=$(grep -oE '#.*exit [0-9]+' <<<"$line" | grep -oE '[0-9]+$')
        (cd "$dir" && bash -c "$line" </dev/null >../out 2>../err)
        code=$?
        [ $code = "${want:-0}" ] || fail "exit code $code, not ${want:-0}"
        ran=$((ran + 1))
    done <lines
done
echo "$ran lines of the pages ran, $left did not"
[ $ran -ge 10 ] || { last_args=docs; fail "only $ran lines were found"; }
end_checks
