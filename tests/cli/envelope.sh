#!/usr/bin/env bash
# --json: exactly one object on stdout, for results and for errors; inputs with their hashes; talk stays on stderr.
. "$2/tests/cli/check.bash"

run 0 version --json
one_object
out_has '"schema":"vq.version/1","vq":"[0-9.]+","ok":true,"exit":0,"inputs":\[\],"warnings":\[\],"result":\{'
run 2 quantize m --json
one_object
out_has '"schema":"vq.quantize/1".*"ok":false,"exit":2,.*"error":"no recipe.*"result":null'
err_has '^vq: error: no recipe'
run 2 quantize m --json --recpie x
one_object
out_has '"exit":2'
run 3 inspect no-such-file --json
one_object
out_has '"ok":false,"exit":3'
run 3 inspect "$(printf 'no\033such\377file')" --json
one_object

# Every code of a warning in the source is in the list of docs/cli.md, and no other.
last_args='(warning codes)'
cat $(find "$source_dir/src" -name '*.c') | tr '\n' ' ' | grep -oE 'vq_warn\([^"]*"[a-z0-9-]+"' | grep -oE '[a-z0-9-]+"$' | tr -d '"' | sort -u >codes
sed -n '/^`warnings.code`:/,/^$/p' "$source_dir/docs/cli.md" | tail -c +17 | grep -oE '`[a-z0-9-]+`' | tr -d '`' | sort -u >listed
[ "$(wc -l <codes)" -gt 20 ] && diff codes listed >out || fail 'docs/cli.md lists other codes of warnings (<: missing there)'

need_model
sha=$(sha256sum <"$tiny/model.safetensors" | cut -c 1-64)
run 0 inspect "$tiny" --json
one_object
out_has '"schema":"vq.inspect/1".*"ok":true,"exit":0'
run 0 plan "$tiny/model.safetensors" -r nvfp4a16 --json
one_object
out_has '"schema":"vq.plan/1"'
out_has '"tensors":\[\{"name":"'
for key in bits_per_weight bytes peak_ram disk seconds; do out_has "\"$key\":"; done
peak=$(grep -oE '"peak_ram":[0-9]+' out | cut -d: -f2)
run 1 plan "$tiny/model.safetensors" -r nvfp4a16 --json --mem-limit $((peak * 4 / 5))
one_object
out_has '"ok":false,"exit":1'

run 0 quantize "$tiny/model.safetensors" -r nvfp4a16 -o artifact --json --progress plain
one_object
out_has '"schema":"vq.quantize/1"'
out_has "\"path\":\"[^\"]*model.safetensors\",\"sha256\":\"$sha\""
for key in out files bytes_in bytes_weights bytes_out bits_per_weight modules worst seconds peak_bytes; do out_has "\"$key\":"; done
run 0 verify artifact --json
one_object
for key in tensors checked_kernels failures worst; do out_has "\"$key\":"; done
run 0 eval ppl artifact --data "$tiny/test.txt" --window 257 --stride 256 --max-windows 4 --json
one_object
for key in perplexity nll nll_stderr tokens windows seconds; do out_has "\"$key\":"; done
run 0 eval ppl artifact --ref "$tiny" --data "$tiny/test.txt" --window 257 --stride 256 --max-windows 4 --json
one_object
for key in ref delta_nll delta_nll_stderr kl kl_stderr top1_agreement; do out_has "\"$key\":"; done
end_checks
