#!/usr/bin/env bash
# What people give in place of a model: one line says what it is and what to do.
. "$2/tests/cli/check.bash"

# no PATH TEXT -- every command that opens a model says so.
no() {
    refuse 3 "$2" plan "$1" -r int8
    refuse 3 "$2" quantize "$1" -r int8 -o result
    refuse 3 "$2" inspect "$1"
    absent result
}
folder() { mkdir -p "$1" && printf '{}' >"$1/$2"; }
pointer() { printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 269060552\n' >"$1"; }

for name in HuggingFaceTB/SmolLM2-135M https://huggingface.co/HuggingFaceTB/SmolLM2-135M; do
    no $name 'hf download HuggingFaceTB/SmolLM2-135M --local-dir SmolLM2-135M'
done
no gpt2 'hf download gpt2'
no ./gpt2 'no such file'
no model.safetensors 'model.safetensors: no such file'
# A slip: the nearest name beside it; only what cannot be a path here is taken for a name of the hub.
mkdir -p store/qwen2 store/gemma
no store/qwen22 'store/qwen22: no such file or folder; did you mean store/qwen2\?$'
no store/qwen22/ 'did you mean store/qwen2\?$'
no ./store/gemna 'did you mean ./store/gemma\?$'
refuse 3 'did you mean store/qwen2\?$' tokenize store/qwen22 text
no stor 'did you mean store\?$'
no store/quite-different 'no such file'
grep -q 'hf download' err && fail "takes a path of a folder here for a name of the hub"
# A file beside the weights, a folder of models.
printf '{}' >store/qwen2/config.json
printf '{}' >store/qwen2/vq.json
printf '{}' >store/qwen2/other.json
no store/qwen2/config.json 'config.json: describes a model and is none; give its folder, store/qwen2$'
no store/qwen2/vq.json 'give its folder, store/qwen2$'
no store/qwen2/other.json 'no index of weights: give the folder'
no store 'a folder of models; give one of them: store/qwen2$'
mkdir empty
no empty 'an empty folder.*hf download'
folder only config.json
no only 'no weights.*hf download'
folder pickle config.json
printf '\200\002' >pickle/pytorch_model.bin
no pickle 'pickle.*save_pretrained'
no pickle/pytorch_model.bin 'pickle.*save_pretrained'
folder lfs config.json
pointer lfs/model.safetensors
no lfs 'lfs/model.safetensors: a Git LFS pointer.*git lfs pull'
no lfs/model.safetensors 'Git LFS pointer.*hf download'
folder gguf README.md
printf 'GGUF\003\0\0\0' >gguf/m-Q4_K_M.gguf
no gguf 'GGUF.*hf download'
no gguf/m-Q4_K_M.gguf 'GGUF.*hf download'
folder adapter adapter_config.json
: >adapter/adapter_model.safetensors
no adapter 'adapter \(LoRA\).*merge_and_unload'
mkdir -p pipeline/unet pipeline/transformer
printf '{}' >pipeline/model_index.json
no pipeline 'diffusers.*pipeline/transformer'
folder onnx config.json
mkdir onnx/onnx
no onnx 'ONNX.*hf download'
: >m.onnx
no m.onnx 'ONNX'
folder jax flax_model.msgpack
no jax 'TensorFlow or JAX.*save_pretrained'
mkdir -p cache/snapshots cache/refs cache/blobs
no cache 'one of the folders in cache/snapshots'

# Shards: some that are missing, one for all.
folder shards config.json
st_make shards/model-00001-of-00003.safetensors '{"a.weight":{"dtype":"F32","shape":[4,32],"data_offsets":[0,512]}}' 512
printf '{"weight_map":{"a.weight":"model-00001-of-00003.safetensors","b.weight":"model-00002-of-00003.safetensors","c.weight":"model-00003-of-00003.safetensors"}}' >shards/model.safetensors.index.json
no shards 'shard model-00002-of-00003.safetensors is missing \(2 of 3 are\).*fetch'
no shards/model-00001-of-00003.safetensors 'one of the 3 files.*give the folder'

# Nothing but weights: what is lost is said.
st_make alone.safetensors '{"model.layers.0.mlp.up_proj.weight":{"dtype":"F32","shape":[4,32],"data_offsets":[0,512]}}' 512
for command in plan quantize; do
    run 0 $command alone.safetensors -r int8 $([ $command = plan ] || echo -o alone-out)
    err_has 'no config.json.*calibration and eval cannot run.*no runtime will load'
done
refuse 3 'no config.json' eval ppl alone.safetensors --tokens alone.safetensors
end_checks
