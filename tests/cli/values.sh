#!/usr/bin/env bash
# Values of options: types, ranges, units; flag over environment over built-in.
. "$2/tests/cli/check.bash"

refuse 2 "--threads needs a whole number from 1 to 1024; got '0'" plan m -r nvfp4 --threads 0
refuse 2 "got '4x'" plan m -r nvfp4 -t 4x
refuse 2 "got '99999999999999999999'" plan m -r nvfp4 -t 99999999999999999999
refuse 2 "--window needs a whole number from 2 to [0-9]*; got '-5'" eval ppl m --data t --window -5
refuse 2 "--seed needs a whole number from 0 to 9000000000000000; got 'abc'" plan m -r nvfp4 --seed abc
for size in '' x -1 1X 1.2.3 0 nan inf 1e400 0x10; do
    run 2 plan m -r nvfp4 --mem-limit "$size"
    err_has '--mem-limit needs a (size such as 512M or 16G|value)'
done
refuse 2 "--isa is one of auto\|ref\|avx2\|avx512\|amx; got 'sse'" plan m -r nvfp4 --isa sse
refuse 2 "got 'av'" plan m -r nvfp4 --isa av
refuse 2 "--numeric is one of fast\|strict" plan m -r nvfp4 --numeric exact
refuse 2 "--progress is one of" plan m -r nvfp4 --progress bar

export VQ_THREADS=many
refuse 2 "VQ_THREADS needs a whole number from 1 to 1024; got 'many'" plan m -r nvfp4
run 0 help
run 0 recipe list
export VQ_THREADS=1 VQ_MEM_LIMIT=rubbish
refuse 2 "VQ_MEM_LIMIT needs a size" plan m -r nvfp4
unset VQ_MEM_LIMIT

need_model
refuse 2 'shrink_output changes nothing without curvature: kronecker' plan "$tiny" -r gptq-int4 --set passes.gptq.shrink_output=0.3
refuse 2 'descent changes nothing without init: gptq' plan "$tiny" -r gptq-int4 --set 'passes=[{do: round, method: learned, init: mse, descent: 1}]'
run 0 plan "$tiny" -r nvfp4a16
out_has '^ *threads +1 +environment'
run 0 plan "$tiny" -r nvfp4a16 --threads=2
out_has '^ *threads +2 +flag'
unset VQ_THREADS
run 0 plan "$tiny" -r nvfp4a16 --mem-limit 1.5GiB --seed 7
out_has '^ *mem-limit +1536M +flag'
out_has '^ *seed +7 +flag'
out_has '^ *numeric +fast +built-in'
# What a folder holds, by role: parameters of quantized linears are those of the matrix, scales count in bytes.
run 0 inspect "$tiny"
out_has '^  role +stored +tensors +parameters +bytes$'
out_has '^  mlp.down +BF16 +4 +131072 +256.0 KiB$'
out_has '^  norm +BF16 +9 +1152 '
run 0 quantize "$tiny" -r nvfp4a16 -o roles -q
run 0 inspect roles
out_has '^  mlp.down +e2m1 +4 +131072 +72.0 KiB$'
out_has '^  embed +BF16 +1 +65536 +128.0 KiB$'
run 0 inspect roles --json
out_has '"role":"attn.q","stored":"e2m1","tensors":4,"parameters":65536,"bytes":36880}'
rm -r roles
end_checks
