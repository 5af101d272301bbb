#!/usr/bin/env python3
"""make.py -- the folders beside it: one small quantized checkpoint each, and in expected.st
the weights that its maker's library decodes. Needs torch, transformers 5, compressed-tensors 0.20."""
import json, os
import torch
from safetensors.torch import save_file
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from transformers.integrations.finegrained_fp8 import _dequantize_fp8_weight
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "model.layers.0.mlp.down_proj"
N, K = 24, 96
E4M3 = torch.float8_e4m3fn
torch.manual_seed(7)


def save(name, tensors, expected, quantization, dtype):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    tensors["model.norm.weight"] = torch.ones(K, dtype=dtype)
    tensors["model.embed_tokens.weight"] = torch.randn(8, K).to(dtype)
    save_file({k: v.contiguous() for k, v in tensors.items()}, f"{folder}/model.safetensors", {"format": "pt"})
    save_file({k: v.contiguous() for k, v in expected.items()}, f"{folder}/expected.st")
    json.dump({"model_type": "made", "dtype": str(dtype)[6:], "quantization_config": quantization},
              open(f"{folder}/config.json", "w"), indent=1)


def weight():
    return torch.randn(N, K) * torch.rand(N, 1)


def groups(w, scheme):
    """[N][groups][columns of a group], and the number that a group is divided by."""
    if scheme.strategy == "tensor":
        return w.reshape(1, 1, -1)
    if scheme.strategy == "channel":
        return w.reshape(N, 1, K)
    return w.reshape(N, -1, scheme.group_size)


def block_amax(w, rows, cols):
    padded = torch.nn.functional.pad(w, (0, -K % cols, 0, -N % rows))
    return padded.reshape(padded.shape[0] // rows, rows, -1, cols).abs().amax((1, 3))


def scales(w, a, dtype):
    top = 2.0 ** (a.num_bits - 1) - 0.5 if a.type == "int" else 448.0 if a.num_bits == 8 else 6.0
    if a.strategy == "block":
        return (block_amax(w, *a.block_structure) / top).to(dtype), None, None
    g = groups(w, a)
    shape = [1] if a.strategy == "tensor" else [N, -1]
    if a.strategy == "tensor_group":
        wide = 448 * 6 / w.abs().max().reshape(1)
        return (g.abs().amax(-1) / 6 * wide).to(E4M3).to(dtype), None, wide
    if a.scale_dtype == torch.uint8:
        return torch.exp2(torch.floor(torch.log2(g.abs().amax(-1))) - 2).to(dtype), None, None
    if a.symmetric:
        return (g.abs().amax(-1) / top).reshape(shape).to(dtype), None, None
    low, high = g.amin(-1).clamp(max=0), g.amax(-1).clamp(min=0)
    s = ((high - low) / (2 * top)).to(dtype)
    zero = torch.round(-(2.0 ** (a.num_bits - 1)) - low / s.float()).to(torch.int8)
    return s.reshape(shape), zero.reshape(shape), None


def library(name, fmt, weights, inputs=None, dtype=torch.float32, extra=None):
    a = QuantizationArgs(**weights)
    act = QuantizationArgs(**inputs) if inputs else None
    scheme = QuantizationScheme(targets=["Linear"], weights=a, input_activations=act, format=fmt)
    w = weight().to(dtype)
    s, zero, wide = scales(w.float(), a, dtype)
    state = {"weight": w, "weight_scale": s}
    if zero is not None: state["weight_zero_point"] = zero
    if wide is not None: state["weight_global_scale"] = wide
    lib = BaseCompressor.get_value_from_registry(fmt)
    stored = lib.compress(dict(state), scheme)
    plain = lib.decompress(dict(stored), scheme)["weight"]
    stored.update(extra or {})
    group = {"targets": ["Linear"], "weights": a.model_dump(mode="json"), "format": fmt,
             "input_activations": act.model_dump(mode="json") if act else None}
    save(name, {f"{NAME}.{k}": v for k, v in stored.items() if v is not None}, {f"{NAME}.weight": plain},
         {"quant_method": "compressed-tensors", "quantization_status": "compressed", "format": fmt,
          "config_groups": {"group_0": group}, "ignore": ["lm_head"]}, dtype)


TOKEN = dict(num_bits=8, strategy="token", dynamic=True)
library("ct-int4-group", "pack-quantized", dict(num_bits=4, strategy="group", group_size=32))
library("ct-int4-zero", "pack-quantized", dict(num_bits=4, strategy="group", group_size=32, symmetric=False), dtype=torch.bfloat16)
library("ct-int8-packed", "pack-quantized", dict(num_bits=8, strategy="channel"), dtype=torch.float16)
library("ct-int8", "int-quantized", dict(num_bits=8, strategy="channel"), TOKEN)
library("ct-naive", "naive-quantized", dict(num_bits=8, strategy="tensor"), TOKEN)
library("ct-fp8", "float-quantized", dict(num_bits=8, type="float", strategy="channel"), dict(TOKEN, type="float"), torch.bfloat16)
library("ct-fp8-block", "float-quantized", dict(num_bits=8, type="float", strategy="block", block_structure=[16, 32]))
library("ct-fp8-static", "float-quantized", dict(num_bits=8, type="float", strategy="tensor"),
        dict(num_bits=8, type="float", strategy="tensor", dynamic=False), extra={"input_scale": torch.tensor([0.5])})
library("ct-nvfp4", "nvfp4-pack-quantized", dict(num_bits=4, type="float", strategy="tensor_group", group_size=16, scale_dtype="torch.float8_e4m3fn"))
library("ct-mxfp4", "mxfp4-pack-quantized", dict(num_bits=4, type="float", strategy="group", group_size=32, scale_dtype="torch.uint8"))


def fp8(name, block, scale_name, scale_dtype=torch.float32, act=None):
    w = weight()
    s = (block_amax(w, *block) / 448) if block else (w.abs().amax(1, keepdim=True) / 448 if act is None else w.abs().max() / 448)
    if scale_dtype == torch.float8_e8m0fnu:
        s = torch.exp2(torch.ceil(torch.log2(s)))
    wide = s.repeat_interleave(block[0], 0)[:N].repeat_interleave(block[1], 1)[:, :K] if block else s
    codes = (w / wide).to(E4M3)
    whole = block and N % block[0] == 0 and K % block[1] == 0
    plain = _dequantize_fp8_weight(codes, s, list(block), torch.float32) if whole else codes.float() * wide
    stored = {"weight": codes, scale_name: s.to(scale_dtype)}
    if act: stored["activation_scale"] = torch.tensor(0.5)
    config = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "static" if act else "dynamic"}
    if block: config["weight_block_size"] = list(block)
    if not block and not act: config = {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}
    save(name, {f"{NAME}.{k}": v for k, v in stored.items()}, {f"{NAME}.weight": plain}, config, torch.bfloat16)


fp8("fp8-block", (8, 32), "weight_scale_inv")
fp8("fp8-block-partial", (16, 64), "weight_scale_inv")
fp8("fp8-block-e8m0", (8, 32), "weight_scale_inv", torch.float8_e8m0fnu)
fp8("fp8-tensor", None, "weight_scale_inv", act=True)
fp8("fp8-channel", None, "weight_scale")

# gpt-oss: experts of one tensor, blocks of 32 along the inputs.
E, NAME4 = 11, "model.layers.0.mlp.experts.gate_up_proj"
blocks = torch.randint(0, 256, (E, 8, 3, 16), dtype=torch.uint8)
powers = torch.randint(110, 130, (E, 8, 3), dtype=torch.uint8)
plain = convert_moe_packed_tensors(blocks, powers, dtype=torch.bfloat16)
save("mxfp4-experts", {f"{NAME4}_blocks": blocks, f"{NAME4}_scales": powers, f"{NAME4}_bias": torch.ones(E, 8).bfloat16()},
     {NAME4: plain}, {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, torch.bfloat16)
