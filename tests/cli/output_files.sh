#!/usr/bin/env bash
# Outputs that are one file, statistics and ids: --force replaces only what vq made, never what is read, and nothing that lies beside them is touched.
. "$2/tests/cli/check.bash"
need_model
copy_model m
chmod -R u+w m
cat >r.yaml <<'END'
vq: 1
name: r
about: test
source: test
calib: {data: required, samples: 1, seqlen: 16}
rules:
  - {match: {name: ["*"]}, use: nvfp4a16}
  - {match: {role: [embed, lm_head, norm]}, use: keep}
passes: [{do: round, method: gptq}]
output: {format: compressed-tensors}
END
head -c 4000 "$tiny/test.txt" >text
statistics() { echo calibrate "${model:-m}" -r r.yaml --data text -o; }
ids() { echo tokenize "${model:-m}" --data text -o; }
run 0 $(statistics) s.vqs
run 0 $(statistics) s.vqs -f
run 0 $(ids) ids
run 0 $(ids) ids -f
cp s.vqs other.vqs
cp ids other.ids

# What is there and is not of vq stays as it is, also what is read and what lies in a model's folder.
echo 'a thesis, written by hand' >thesis.txt
mkfifo pipe
mkdir folder
ln -s thesis.txt link
ln -s nothing dangling
files() { find . -type f ! -name out ! -name err ! -name before ! -name after ! -name kinds -exec sha256sum {} + | sort; }
files >before
ls -l pipe link dangling | sed 's/ ->.*//' >kinds
for what in statistics ids; do
    for model in m m/model.safetensors; do
        for path in m/model.safetensors m/config.json m/tokenizer.json text thesis.txt pipe folder link dangling / . m; do
            refuse 2 "$path|lie in each other" $($what) $path -f
        done
    done
    model=m
    refuse 2 'lie in each other' $($what) m/new -f
    refuse 2 'folder is a folder' $($what) folder -f
    refuse 2 'no regular file' $($what) link -f
    refuse 2 'thesis.txt exists already and is not ' $($what) thesis.txt -f
    refuse 2 'thesis.txt exists already and is not .*: move it, or choose another name with -o$' $($what) thesis.txt
done
refuse 2 'other.vqs exists already; .*replace it with --force$' $(statistics) other.vqs
refuse 2 'other.ids exists already and is not a statistics file' $(statistics) other.ids -f
refuse 2 'other.vqs exists already and is not a file of this' $(ids) other.vqs -f
refuse 2 'lie in each other' calibrate --merge s.vqs other.vqs -o s.vqs -f
refuse 2 'lie in each other' tokenize m --data ids -o ids -f
files >after
cmp -s before after || fail "files are not what they were: $(diff before after | head -3)"
ls -l pipe link dangling | sed 's/ ->.*//' | cmp -s - kinds || fail "a pipe or a link is another one"

# Names beside the output: what vq does not know it does not touch.
for kind in file pipe link; do
    for what in statistics ids; do
        for beside in n.part n.lock n.run; do
            rm -rf n n.*
            case $kind in
            file) echo precious >$beside ;;
            pipe) mkfifo $beside ;;
            link) ln -s $beside $beside ;;
            esac
            was=$(ls -l $beside)
            if [ $beside = n.run ]; then refuse 2 'n.run is in the way' $($what) n; else run 0 $($what) n; fi
            [ "$(ls -l $beside)" = "$was" ] || fail "$beside, a $kind, is gone"
            [ $kind != file ] || [ "$(cat $beside)" = precious ] || fail "$beside is another file"
        done
    done
done
rm -rf n n.*

# A run that was killed blocks nobody; one that works is named.
mkdir -p n.run/artifact
printf 'vq.made/1\0+artifact/n.part\0+artifact/n\0+arti' >n.run/vq.lock
echo half >n.run/artifact/n.part
run 0 $(statistics) n
[ ! -e n.run ] || fail "what a killed run left is still there"
rm n

# A list of another one's, and what is not listed under a name that vq gives.
mkdir -p n.run/artifact
echo 'my locks' >n.run/vq.lock
refuse 2 'n.run/vq.lock: vq did not make it' $(statistics) n
[ "$(cat n.run/vq.lock)" = 'my locks' ] || fail "vq.lock is another one"
for mine in n n.part vq-spool-abcdef; do
    : >n.run/vq.lock
    echo precious >n.run/artifact/$mine
    refuse 2 "n.run/artifact/$mine: vq did not make it" $(statistics) n -f
    [ "$(cat n.run/artifact/$mine)" = precious ] || fail "$mine is another file"
    rm n.run/artifact/$mine
done
rm -r n.run
mkdir k.run
mkdir k.run/mine
refuse 2 'k.run/mine: vq did not make it' $(statistics) k
for pair in 1 2 3 4; do
    "$vq" $(statistics) raced >out1 2>err1 &
    "$vq" $(statistics) raced >out2 2>err2
    codes=$?
    wait $!
    codes=$?$codes
    last_args='calibrate, two into one output'
    [[ $codes = 02 || $codes = 20 ]] || fail "exit codes $codes"
    cat err1 err2 | grep -qE 'raced(.run/vq.lock: process [0-9]+ is at work| exists already)' || fail "the loser does not say why"
    cmp -s raced s.vqs || fail "the winner's file is another one"
    rm -rf raced
done

# The root of all files and a mount point.
refuse 2 'there already|lie in each other' quantize m -r nvfp4a16 -o / -f
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=40k tmpfs disk 2>/dev/null; then
    refuse 2 'mounted' quantize m -r nvfp4a16 -o disk -f
    refuse 4 'vq: error: disk/.*(No space|space)' $(statistics) disk/s.vqs
    head -c 36000 /dev/zero >disk/fill
    refuse 4 'vq: error: disk/' $(ids) disk/ids
    [ "$(ls disk)" = fill ] || fail "leaves $(ls disk)"
    umount disk
fi
(
    ulimit -f 1
    "$vq" $(ids) limited >out 2>err
    echo $? >code
)
last_args='tokenize under ulimit -f'
[ "$(cat code)" = 4 ] || fail "exit code $(cat code), not 4"
err_has '^vq: error: limited.run/artifact/limited: .*ulimit -f'
absent limited
end_checks
