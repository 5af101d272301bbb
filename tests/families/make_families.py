#!/usr/bin/env python3
"""make_families.py -- reference logits of small made-up models, one JSON per architecture.

    make_families.py [--out DIR] [--folders DIR] [--check] [CASE...]

Weights are not stored: element i of a tensor is made from the FNV-1a 64 hash of its name and from i.
--folders also writes each model as a folder (config.json, model.safetensors in BF16).
--check also reports how much float64, the rope type, the window and the soft caps change the logits.
Needs torch 2.15.0, transformers 5.23.0, safetensors 0.8.0, numpy.
"""
import argparse
import copy
import json
import os
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

LENGTH, GREEDY = 24, 6
MADE_WITH = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
MASK = (1 << 64) - 1


def fnv1a(name):
    h = 0xCBF29CE484222325
    for b in name.encode("utf-8"):
        h = ((h ^ b) * 0x100000001B3) & MASK
    return h


def filled(name, shape, fill):
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    value = np.float32(fill[0]) + np.float32(fill[1]) * u
    return torch.from_numpy(value.astype(np.float32)).reshape(shape).to(torch.bfloat16)


class Tensors(dict):
    """Checkpoint name -> shape and fill."""

    def put(self, name, shape, base, spread):
        self[name] = {"shape": list(shape), "fill": [base, spread]}

    def linear(self, name, rows, columns, gain=1.0, bias=False):
        self.put(name + ".weight", [rows, columns], 0, round(gain * (3.0 / columns) ** 0.5, 3))
        if bias:
            self.put(name + ".bias", [rows], 0, 0.4)

    def norm(self, name, width, centre=1):
        self.put(name + ".weight", [width], centre, 0.3)

    def layer_norm(self, name, width):
        self.norm(name, width)
        self.put(name + ".bias", [width], 0, 0.3)


def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def gated_ffn(t, p, hidden, ffn, bias=False, names=("gate_proj", "up_proj", "down_proj")):
    t.linear(p + names[0], ffn, hidden, 1.5, bias)
    t.linear(p + names[1], ffn, hidden, 1.5, bias)
    t.linear(p + names[2], hidden, ffn, 1.5, bias)


def attention(t, p, c, qkv_bias=False, o_bias=False, gain=1.5):
    h, d = c["hidden_size"], head_dim(c)
    heads, kv = c["num_attention_heads"], c.get("num_key_value_heads") or c["num_attention_heads"]
    t.linear(p + "q_proj", heads * d, h, gain, qkv_bias)
    t.linear(p + "k_proj", kv * d, h, gain, qkv_bias)
    t.linear(p + "v_proj", kv * d, h, 1.5, qkv_bias)
    t.linear(p + "o_proj", h, heads * d, 1.5, o_bias)


def ends(t, c, tied, prefix="model.", centre=1, embed=0.4):
    t.put(prefix + "embed_tokens.weight", [c["vocab_size"], c["hidden_size"]], 0, embed)
    t.norm(prefix + "norm", c["hidden_size"], centre)
    if not tied:
        t.put("lm_head.weight", [c["vocab_size"], c["hidden_size"]], 0, 0.4)


def llama(c, qk_norm=False, qkv_bias=False, o_bias=False, mlp_bias=False, own_head=False):
    t = Tensors()
    ends(t, c, c.get("tie_word_embeddings", False) and not own_head)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        t.norm(p + "input_layernorm", c["hidden_size"])
        attention(t, p + "self_attn.", c, qkv_bias, o_bias)
        if qk_norm:
            t.norm(p + "self_attn.q_norm", head_dim(c))
            t.norm(p + "self_attn.k_norm", head_dim(c))
        t.norm(p + "post_attention_layernorm", c["hidden_size"])
        gated_ffn(t, p + "mlp.", c["hidden_size"], c["intermediate_size"], mlp_bias)
    return t


def gemma(c, four_norms=False, qk_norm=False, prefix="model.", gain=1.5, embed=0.4):
    t = Tensors()
    h = c["hidden_size"]
    ends(t, c, True, prefix, 0, embed)
    for i in range(c["num_hidden_layers"]):
        p = f"{prefix}layers.{i}."
        t.norm(p + "input_layernorm", h, 0)
        attention(t, p + "self_attn.", c, gain=gain)
        if qk_norm:
            t.norm(p + "self_attn.q_norm", c["head_dim"], 0)
            t.norm(p + "self_attn.k_norm", c["head_dim"], 0)
        t.norm(p + "post_attention_layernorm", h, 0)
        if four_norms:
            t.norm(p + "pre_feedforward_layernorm", h, 0)
            t.norm(p + "post_feedforward_layernorm", h, 0)
        gated_ffn(t, p + "mlp.", h, c["intermediate_size"])
    return t


def gemma3_wrapped(c, prefix, vision, projector):
    t = gemma(c["text_config"], True, True, prefix)
    v, h = c["vision_config"], c["vision_config"]["hidden_size"]
    grid = v["image_size"] // v["patch_size"]
    t.put(vision + "embeddings.patch_embedding.weight", [h, 3, v["patch_size"], v["patch_size"]], 0, 0.1)
    t.put(vision + "embeddings.patch_embedding.bias", [h], 0, 0.1)
    t.put(vision + "embeddings.position_embedding.weight", [grid * grid, h], 0, 0.1)
    for name in ("self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj", "self_attn.out_proj"):
        t.linear(vision + "encoder.layers.0." + name, h, h, bias=True)
    t.layer_norm(vision + "encoder.layers.0.layer_norm1", h)
    t.layer_norm(vision + "encoder.layers.0.layer_norm2", h)
    t.linear(vision + "encoder.layers.0.mlp.fc1", v["intermediate_size"], h, bias=True)
    t.linear(vision + "encoder.layers.0.mlp.fc2", h, v["intermediate_size"], bias=True)
    t.layer_norm(vision + "post_layernorm", h)
    t.put(projector + "mm_input_projection_weight", [h, c["text_config"]["hidden_size"]], 0, 0.1)
    t.norm(projector + "mm_soft_emb_norm", h, 0)
    return t


def gpt2(c, prefix="", masks=False):
    t = Tensors()
    h, inner = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]

    def conv1d(name, rows, columns, gain):
        t.put(name + ".weight", [rows, columns], 0, round(gain * (3.0 / rows) ** 0.5, 3))
        t.put(name + ".bias", [columns], 0, 0.4)

    t.put(prefix + "wte.weight", [c["vocab_size"], h], 0, 0.4)
    t.put(prefix + "wpe.weight", [c["n_positions"], h], 0, 0.2)
    for i in range(c["n_layer"]):
        p = f"{prefix}h.{i}."
        t.layer_norm(p + "ln_1", h)
        if masks:
            t.put(p + "attn.bias", [1, 1, c["n_positions"], c["n_positions"]], 1, 0)
        conv1d(p + "attn.c_attn", h, 3 * h, 1.5)
        conv1d(p + "attn.c_proj", h, h, 1.5)
        t.layer_norm(p + "ln_2", h)
        conv1d(p + "mlp.c_fc", h, inner, 1.5)
        conv1d(p + "mlp.c_proj", inner, h, 1.5)
    t.layer_norm(prefix + "ln_f", h)
    return t


def opt(c, prefix):
    t = Tensors()
    h, narrow = c["hidden_size"], c.get("word_embed_proj_dim", c["hidden_size"])
    before = c.get("do_layer_norm_before", True)
    t.put(prefix + "embed_tokens.weight", [c["vocab_size"], narrow], 0, 0.5)
    t.put(prefix + "embed_positions.weight", [c["max_position_embeddings"] + 2, h], 0, 0.3)
    if narrow != h:
        t.linear(prefix + "project_in", h, narrow)
        t.linear(prefix + "project_out", narrow, h)
    if before:
        t.layer_norm(prefix + "final_layer_norm", h)
    for i in range(c["num_hidden_layers"]):
        p = f"{prefix}layers.{i}."
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            t.linear(p + "self_attn." + name, h, h, 1.5, True)
        t.layer_norm(p + "self_attn_layer_norm", h)
        t.linear(p + "fc1", c["ffn_dim"], h, 1.5, True)
        t.linear(p + "fc2", h, c["ffn_dim"], 1.5, True)
        t.layer_norm(p + "final_layer_norm", h)
    return t


def phi3(c):
    t = Tensors()
    h, d, f = c["hidden_size"], head_dim(c), c["intermediate_size"]
    heads, kv = c["num_attention_heads"], c.get("num_key_value_heads") or c["num_attention_heads"]
    ends(t, c, c.get("tie_word_embeddings", False))
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        t.norm(p + "input_layernorm", h)
        t.linear(p + "self_attn.qkv_proj", (heads + 2 * kv) * d, h, 1.5)
        t.linear(p + "self_attn.o_proj", h, heads * d, 1.5)
        t.norm(p + "post_attention_layernorm", h)
        t.linear(p + "mlp.gate_up_proj", 2 * f, h, 1.5)
        t.linear(p + "mlp.down_proj", h, f, 1.5)
    return t


def olmo2(c):
    t = Tensors()
    h, d = c["hidden_size"], head_dim(c)
    ends(t, c, False)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        attention(t, p + "self_attn.", c)
        t.norm(p + "self_attn.q_norm", c["num_attention_heads"] * d)
        t.norm(p + "self_attn.k_norm", c["num_key_value_heads"] * d)
        t.norm(p + "post_attention_layernorm", h)
        gated_ffn(t, p + "mlp.", h, c["intermediate_size"])
        t.norm(p + "post_feedforward_layernorm", h)
    return t


def experts(t, p, c, count, ffn, fused=False):
    h = c["hidden_size"]
    if fused:
        t.put(p + "gate_up_proj", [count, 2 * ffn, h], 0, round(1.5 * (3.0 / h) ** 0.5, 3))
        t.put(p + "down_proj", [count, h, ffn], 0, round(1.5 * (3.0 / ffn) ** 0.5, 3))
        return
    for e in range(count):
        gated_ffn(t, f"{p}{e}.", h, ffn)


def qwen3_moe(c, fused=False):
    t = Tensors()
    h, count = c["hidden_size"], c.get("num_experts") or c["num_local_experts"]
    ends(t, c, c.get("tie_word_embeddings", False))
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        t.norm(p + "input_layernorm", h)
        attention(t, p + "self_attn.", c)
        t.norm(p + "self_attn.q_norm", head_dim(c))
        t.norm(p + "self_attn.k_norm", head_dim(c))
        t.norm(p + "post_attention_layernorm", h)
        if i in c.get("mlp_only_layers", []) or (i + 1) % c.get("decoder_sparse_step", 1):
            gated_ffn(t, p + "mlp.", h, c["intermediate_size"])
        else:
            t.linear(p + "mlp.gate", count, h, 2)
            experts(t, p + "mlp.experts.", c, count, c["moe_intermediate_size"], fused)
    return t


def mixtral(c):
    t = Tensors()
    h = c["hidden_size"]
    ends(t, c, False)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        t.norm(p + "input_layernorm", h)
        attention(t, p + "self_attn.", c)
        t.norm(p + "post_attention_layernorm", h)
        t.linear(p + "block_sparse_moe.gate", c["num_local_experts"], h, 2)
        for e in range(c["num_local_experts"]):
            gated_ffn(t, f"{p}block_sparse_moe.experts.{e}.", h, c["intermediate_size"], names=("w1", "w3", "w2"))
    return t


def deepseek(c, correction=False):
    t = Tensors()
    h, heads, rank = c["hidden_size"], c["num_attention_heads"], c["kv_lora_rank"]
    nope, rope, v = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    bias = c.get("attention_bias", False)
    ends(t, c, False)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        a = p + "self_attn."
        t.norm(p + "input_layernorm", h)
        if c["q_lora_rank"] is None:
            t.linear(a + "q_proj", heads * (nope + rope), h, 1.5)
        else:
            t.linear(a + "q_a_proj", c["q_lora_rank"], h, 1, bias)
            t.norm(a + "q_a_layernorm", c["q_lora_rank"])
            t.linear(a + "q_b_proj", heads * (nope + rope), c["q_lora_rank"], 1.5)
        t.linear(a + "kv_a_proj_with_mqa", rank + rope, h, 1.5, bias)
        t.norm(a + "kv_a_layernorm", rank)
        t.linear(a + "kv_b_proj", heads * (nope + v), rank, 1.5)
        t.linear(a + "o_proj", h, heads * v, 1.5, bias)
        t.norm(p + "post_attention_layernorm", h)
        if i < c["first_k_dense_replace"]:
            gated_ffn(t, p + "mlp.", h, c["intermediate_size"])
            continue
        t.linear(p + "mlp.gate", c["n_routed_experts"], h, 1.5)
        if correction:
            t.put(p + "mlp.gate.e_score_correction_bias", [c["n_routed_experts"]], 0, 0.5)
        experts(t, p + "mlp.experts.", c, c["n_routed_experts"], c["moe_intermediate_size"])
        gated_ffn(t, p + "mlp.shared_experts.", h, c["moe_intermediate_size"] * c["n_shared_experts"])
    return t


def sized(model_type, architecture, **more):
    return {
        "architectures": [architecture],
        "model_type": model_type,
        "vocab_size": 73,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        **more,
    }


def llama_v4(**more):
    return sized("llama", "LlamaForCausalLM", max_position_embeddings=256, rms_norm_eps=1e-5, hidden_act="silu",
                 torch_dtype="bfloat16", **more)


CASES = {}


def case(name, config, build, **how):
    CASES[name] = (config, lambda: build(config, **how))


case("llama", sized("llama", "LlamaForCausalLM", max_position_embeddings=128, rms_norm_eps=1e-5, hidden_act="silu",
                    head_dim=16, attention_bias=False, mlp_bias=False, tie_word_embeddings=False, dtype="bfloat16",
                    rope_parameters={"rope_theta": 20000.0, "rope_type": "default"}), llama)
case("llama_bias", llama_v4(attention_bias=True, mlp_bias=True, rope_theta=10000.0, rope_scaling=None,
                            tie_word_embeddings=True), llama, qkv_bias=True, o_bias=True, mlp_bias=True)
# Tied by the config, stored all the same, and different: transformers takes what is stored.
case("llama_own_head", llama_v4(rope_theta=10000.0, rope_scaling=None, tie_word_embeddings=True), llama, own_head=True)
case("llama_linear", llama_v4(rope_scaling={"type": "linear", "factor": 4.0}), llama)
case("llama_dynamic_within", dict(llama_v4(rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 4.0}),
                                  max_position_embeddings=24), llama)
case("llama_dynamic_beyond", dict(llama_v4(rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 4.0}),
                                  max_position_embeddings=10), llama)
case("llama_llama3", llama_v4(rope_theta=10000.0, rope_scaling={
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    "rope_type": "llama3"}), llama)
case("llama_yarn", llama_v4(rope_theta=10000.0, rope_scaling={
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}), llama)
case("llama_yarn_mscale", sized("llama", "LlamaForCausalLM", max_position_embeddings=256, dtype="bfloat16",
                                rope_parameters={
                                    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "beta_fast": 8.0,
                                    "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 0.4,
                                    "original_max_position_embeddings": 32}), llama)
case("llama_yarn_factor", llama_v4(rope_theta=10000.0, rope_scaling={
    "type": "yarn", "factor": 4.0, "attention_factor": 0.8, "truncate": False,
    "original_max_position_embeddings": 64}), llama)
SHORT = [1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]
LONG = [1.0, 1.5, 3.0, 5.0, 8.0, 12.0, 20.0, 32.0]
case("llama_longrope_short", llama_v4(rope_theta=10000.0, rope_scaling={
    "type": "longrope", "factor": 8.0, "original_max_position_embeddings": 32, "short_factor": SHORT,
    "long_factor": LONG}), llama)
case("llama_longrope_long", sized("llama", "LlamaForCausalLM", max_position_embeddings=128, dtype="bfloat16",
                                  rope_parameters={
                                      "rope_type": "longrope", "rope_theta": 10000.0,
                                      "original_max_position_embeddings": 16, "short_factor": SHORT,
                                      "long_factor": LONG}), llama)
case("mistral", sized("mistral", "MistralForCausalLM", head_dim=32, max_position_embeddings=128, sliding_window=9,
                      rms_norm_eps=1e-5, hidden_act="silu", tie_word_embeddings=False, dtype="bfloat16",
                      rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}), llama)
case("qwen2", dict(sized("qwen2", "Qwen2ForCausalLM", max_position_embeddings=128, rms_norm_eps=1e-6,
                         hidden_act="silu", tie_word_embeddings=True, use_sliding_window=True, sliding_window=8,
                         max_window_layers=1, layer_types=["full_attention", "sliding_attention",
                                                           "sliding_attention"], dtype="bfloat16",
                         rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}),
                   num_hidden_layers=3), llama, qkv_bias=True)
case("mistral_layers", dict(sized("mistral", "MistralForCausalLM", head_dim=32, max_position_embeddings=128, sliding_window=5,
                                  rms_norm_eps=1e-5, hidden_act="silu", tie_word_embeddings=False, dtype="bfloat16",
                                  layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                  rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}),
                            num_hidden_layers=3), llama)
case("qwen2_layers", dict(sized("qwen2", "Qwen2ForCausalLM", max_position_embeddings=128, rms_norm_eps=1e-6,
                                hidden_act="silu", tie_word_embeddings=True, use_sliding_window=True, sliding_window=6,
                                max_window_layers=1, layer_types=["sliding_attention", "full_attention",
                                                                  "sliding_attention"], dtype="bfloat16",
                                rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}),
                          num_hidden_layers=3), llama, qkv_bias=True)
case("qwen3", sized("qwen3", "Qwen3ForCausalLM", head_dim=32, max_position_embeddings=128, rms_norm_eps=1e-6,
                    hidden_act="silu", attention_bias=False, tie_word_embeddings=True, use_sliding_window=False,
                    sliding_window=None, max_window_layers=2, layer_types=["full_attention", "full_attention"],
                    dtype="bfloat16", rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}),
     llama, qk_norm=True)
case("granite", sized("granite", "GraniteForCausalLM", max_position_embeddings=128, rms_norm_eps=1e-5,
                      hidden_act="silu", attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                      embedding_multiplier=3.0, attention_multiplier=0.125, residual_multiplier=0.4,
                      logits_scaling=2.5, dtype="bfloat16",
                      rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}),
     llama, qkv_bias=True, o_bias=True, mlp_bias=True)
case("gemma", dict(sized("gemma", "GemmaForCausalLM", head_dim=32, hidden_act="gelu", rms_norm_eps=1e-6,
                         max_position_embeddings=128, rope_theta=10000.0, rope_scaling=None,
                         torch_dtype="bfloat16"), num_key_value_heads=1), gemma)
case("gemma2", dict(sized("gemma2", "Gemma2ForCausalLM", head_dim=16, hidden_act="gelu_pytorch_tanh",
                          hidden_activation="gelu_pytorch_tanh", max_position_embeddings=128, sliding_window=7,
                          query_pre_attn_scalar=24, rms_norm_eps=1e-6, rope_theta=10000.0,
                          torch_dtype="bfloat16"), num_hidden_layers=3), gemma, four_norms=True, gain=6, embed=5)
case("gemma2_caps", dict(sized("gemma2", "Gemma2ForCausalLM", head_dim=16, hidden_activation="gelu_pytorch_tanh",
                               max_position_embeddings=128, sliding_window=11, query_pre_attn_scalar=16,
                               attn_logit_softcapping=3.0, final_logit_softcapping=4.0, tie_word_embeddings=True,
                               layer_types=["full_attention", "sliding_attention"], dtype="bfloat16",
                               rope_parameters={"rope_theta": 10000.0, "rope_type": "default"})),
     gemma, four_norms=True, gain=2, embed=0.8)
case("gemma3_text", dict(sized("gemma3_text", "Gemma3ForCausalLM", head_dim=16,
                               hidden_activation="gelu_pytorch_tanh", max_position_embeddings=128,
                               query_pre_attn_scalar=16, rms_norm_eps=1e-6, sliding_window=6,
                               rope_local_base_freq=10000, rope_theta=1000000, rope_scaling=None,
                               torch_dtype="bfloat16"), num_hidden_layers=6), gemma, four_norms=True, qk_norm=True)
case("gemma3_text_v5", dict(sized("gemma3_text", "Gemma3ForCausalLM", head_dim=16, query_pre_attn_scalar=32,
                                  max_position_embeddings=128, sliding_window=10,
                                  layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                  dtype="bfloat16", rope_parameters={
                                      "full_attention": {"rope_type": "linear", "factor": 8.0,
                                                         "rope_theta": 20000.0},
                                      "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}),
                            num_hidden_layers=3), gemma, four_norms=True, qk_norm=True)
GEMMA3_TEXT = {"model_type": "gemma3_text", "vocab_size": 73, "hidden_size": 64, "intermediate_size": 96,
               "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
               "query_pre_attn_scalar": 16, "sliding_window": 8, "sliding_window_pattern": 2,
               "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}
GEMMA3_VISION = {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 32,
                 "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 8, "patch_size": 4,
                 "vision_use_head": False}
GEMMA3 = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
          "boi_token_index": 70, "eoi_token_index": 71, "image_token_index": 72, "mm_tokens_per_image": 4,
          "text_config": GEMMA3_TEXT, "vision_config": GEMMA3_VISION, "torch_dtype": "bfloat16"}
case("gemma3", GEMMA3, gemma3_wrapped, prefix="language_model.model.", vision="vision_tower.vision_model.",
     projector="multi_modal_projector.")
case("gemma3_model_prefix", copy.deepcopy(GEMMA3), gemma3_wrapped, prefix="model.language_model.",
     vision="model.vision_tower.vision_model.", projector="model.multi_modal_projector.")
case("gpt2", {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
              "n_ctx": 32, "n_embd": 48, "n_head": 3, "n_layer": 2, "n_positions": 32, "vocab_size": 67,
              "layer_norm_epsilon": 1e-5, "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1}, gpt2, masks=True)
case("gpt2_prefixed", {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 64, "n_head": 4,
                       "n_inner": 96, "n_layer": 2, "n_positions": 24, "vocab_size": 61, "dtype": "bfloat16",
                       "activation_function": "gelu_new", "scale_attn_by_inverse_layer_idx": True}, gpt2,
     prefix="transformer.")
case("opt", {"architectures": ["OPTForCausalLM"], "model_type": "opt", "activation_function": "relu",
             "do_layer_norm_before": True, "ffn_dim": 96, "hidden_size": 64, "max_position_embeddings": 32,
             "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 67, "word_embed_proj_dim": 64,
             "torch_dtype": "float16"}, opt, prefix="model.decoder.")
case("opt_post_norm", {"architectures": ["OPTForCausalLM"], "model_type": "opt", "activation_function": "relu",
                       "do_layer_norm_before": False, "ffn_dim": 96, "hidden_size": 64,
                       "max_position_embeddings": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
                       "vocab_size": 67, "word_embed_proj_dim": 32}, opt, prefix="decoder.")
case("phi3", sized("phi3", "Phi3ForCausalLM", pad_token_id=0, hidden_act="silu", max_position_embeddings=64,
                   original_max_position_embeddings=64, rms_norm_eps=1e-5, rope_scaling=None, rope_theta=10000.0,
                   sliding_window=11, tie_word_embeddings=False, torch_dtype="bfloat16"), phi3)
case("phi3_partial", dict(sized("phi3", "Phi3ForCausalLM", pad_token_id=0, max_position_embeddings=64,
                                dtype="bfloat16", tie_word_embeddings=True,
                                rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                                                 "partial_rotary_factor": 0.5}), num_key_value_heads=None), phi3)
case("phi3_longrope_short", sized("phi3", "Phi3ForCausalLM", pad_token_id=0, max_position_embeddings=256,
                                  original_max_position_embeddings=24, partial_rotary_factor=0.75,
                                  rope_theta=10000.0, torch_dtype="bfloat16", rope_scaling={
                                      "type": "longrope", "short_factor": SHORT[1:7], "long_factor": LONG[1:7]}),
     phi3)
case("phi3_longrope_long", sized("phi3", "Phi3ForCausalLM", pad_token_id=0, max_position_embeddings=128,
                                 original_max_position_embeddings=16, partial_rotary_factor=0.75,
                                 rope_theta=10000.0, torch_dtype="bfloat16", rope_scaling={
                                     "type": "longrope", "short_factor": SHORT[1:7], "long_factor": LONG[1:7]}),
     phi3)
case("olmo2", sized("olmo2", "Olmo2ForCausalLM", hidden_act="silu", attention_bias=False, rms_norm_eps=1e-6,
                    max_position_embeddings=128, rope_theta=500000, rope_scaling=None, tie_word_embeddings=False,
                    torch_dtype="float32"), olmo2)
case("qwen3_moe", dict(sized("qwen3_moe", "Qwen3MoeForCausalLM", head_dim=16, hidden_act="silu",
                             decoder_sparse_step=1, mlp_only_layers=[0], moe_intermediate_size=32, num_experts=8,
                             num_experts_per_tok=2, norm_topk_prob=True, max_position_embeddings=128,
                             max_window_layers=3, rms_norm_eps=1e-6, rope_scaling=None, rope_theta=1000000.0,
                             sliding_window=None, use_sliding_window=False, tie_word_embeddings=False,
                             torch_dtype="bfloat16"), num_hidden_layers=3), qwen3_moe)
case("qwen3_moe_fused", sized("qwen3_moe", "Qwen3MoeForCausalLM", head_dim=32, decoder_sparse_step=2,
                              moe_intermediate_size=48, num_local_experts=8, num_experts_per_tok=3,
                              max_position_embeddings=128, tie_word_embeddings=False, dtype="bfloat16",
                              rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), qwen3_moe,
     fused=True)
case("mixtral", sized("mixtral", "MixtralForCausalLM", hidden_act="silu", num_local_experts=4,
                      num_experts_per_tok=2, max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=1000000.0,
                      sliding_window=None, tie_word_embeddings=False, torch_dtype="bfloat16"), mixtral)
MLA = {"kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 32,
       "first_k_dense_replace": 1, "moe_layer_freq": 1, "moe_intermediate_size": 32, "hidden_act": "silu"}
case("deepseek_v2", dict(sized("deepseek_v2", "DeepseekV2ForCausalLM", **MLA, q_lora_rank=None,
                               n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=2, n_group=1,
                               topk_group=1, topk_method="greedy", norm_topk_prob=False, scoring_func="softmax",
                               routed_scaling_factor=1.0, max_position_embeddings=256, rms_norm_eps=1e-6,
                               rope_theta=10000, rope_scaling={
                                   "beta_fast": 32, "beta_slow": 1, "factor": 4, "mscale": 0.707,
                                   "mscale_all_dim": 0.707, "original_max_position_embeddings": 64,
                                   "type": "yarn"}, torch_dtype="bfloat16"), num_key_value_heads=4), deepseek)
case("deepseek_v2_groups", dict(sized("deepseek_v2", "DeepseekV2ForCausalLM", **MLA, q_lora_rank=48,
                                      attention_bias=True, n_routed_experts=8, n_shared_experts=1,
                                      num_experts_per_tok=3, n_group=4, topk_group=2,
                                      topk_method="group_limited_greedy", routed_scaling_factor=2.0,
                                      max_position_embeddings=128, dtype="bfloat16",
                                      rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
                                num_key_value_heads=4), deepseek)
case("deepseek_v3", dict(sized("deepseek_v3", "DeepseekV3ForCausalLM", **MLA, q_lora_rank=48, n_routed_experts=8,
                               n_shared_experts=1, num_experts_per_tok=3, n_group=4, topk_group=2,
                               topk_method="noaux_tc", norm_topk_prob=True, scoring_func="sigmoid",
                               routed_scaling_factor=2.5, num_nextn_predict_layers=0, max_position_embeddings=256,
                               rms_norm_eps=1e-6, rope_theta=10000, rope_scaling={
                                   "beta_fast": 32, "beta_slow": 1, "factor": 4, "mscale": 1.0,
                                   "mscale_all_dim": 1.0, "original_max_position_embeddings": 64,
                                   "type": "yarn"}, torch_dtype="bfloat16"), num_key_value_heads=4),
     deepseek, correction=True)
case("deepseek_v3_plain", dict(sized("deepseek_v3", "DeepseekV3ForCausalLM", **MLA, q_lora_rank=None,
                                     rope_interleave=False, n_routed_experts=4, n_shared_experts=1,
                                     num_experts_per_tok=2, n_group=1, topk_group=1, norm_topk_prob=False,
                                     routed_scaling_factor=1.5, max_position_embeddings=128, rms_norm_eps=1e-5,
                                     dtype="bfloat16",
                                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
                               num_key_value_heads=4), deepseek, correction=True)


def token_ids(name, vocab):
    state, ids = fnv1a(name), []
    for _ in range(LENGTH):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        ids.append((state >> 33) % vocab)
    return ids


def write_folder(folder, config, tensors):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    made = {name: filled(name, t["shape"], t["fill"]) for name, t in tensors.items()}
    save_file(made, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def load(folder, dtype=torch.float32):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager",
                                                       experts_implementation="eager", output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(kind):
            sys.exit(f"{folder}: {kind}: {sorted(info[kind])}")
    return model.eval()


@torch.no_grad()
def prefill(model, ids):
    return model(torch.tensor([ids]), use_cache=False).logits[0]


@torch.no_grad()
def greedy(model, ids, length):
    start = len(ids) - length
    out = model(torch.tensor([ids[:start]]), use_cache=True)
    rows = [out.logits[0, -1]]
    for token in ids[start:]:
        out = model(torch.tensor([[token]]), use_cache=True, past_key_values=out.past_key_values)
        rows.append(out.logits[0, -1])
    return torch.stack(rows)


def row_text(row):
    return "[" + ", ".join("%.8g" % float(v) for v in row) + "]"


def made_text(made):
    lines = ["{", f'"case": {json.dumps(made["case"])},', f'"made_with": {json.dumps(made["made_with"])},',
             '"config": {']
    lines.append(",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in made["config"].items()))
    lines += ["},", '"tensors": {']
    lines.append(",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in made["tensors"].items()))
    lines += ["},", f'"ids": {json.dumps(made["ids"])},', f'"sum_of_squares": {made["sum_of_squares"]:.9g},',
              '"logits": [']
    lines.append(",\n".join("  " + row_text(r) for r in made["logits"]))
    lines.append("],")
    if made["greedy"] is None:
        lines.append('"greedy": null')
    else:
        lines += [f'"greedy": {{"length": {made["greedy"]["length"]}, "last":',
                  "  " + row_text(made["greedy"]["last"]) + "}"]
    return "\n".join(lines) + "\n}\n"


def difference(a, b):
    return float((a.double() - b.double()).abs().max())


def without(config, change):
    changed = copy.deepcopy(config)
    change(changed)
    return changed


def plain_rope(c):
    target = c.get("text_config", c)
    target.pop("rope_scaling", None)
    p = target.get("rope_parameters")
    for one in ([p] if p and "rope_type" in p else list((p or {}).values())):
        theta = one.get("rope_theta", 10000.0)
        one.clear()
        one.update({"rope_type": "default", "rope_theta": theta})
    target.pop("partial_rotary_factor", None)


def no_window(c):
    c = c.get("text_config", c)
    if c.get("sliding_window"):
        c["sliding_window"] = 4096


def no_caps(c):
    if c["model_type"] == "gemma2":
        c["attn_logit_softcapping"] = None
        c["final_logit_softcapping"] = None


def no_attention_cap(c):
    if c["model_type"] == "gemma2":
        c["attn_logit_softcapping"] = None


def check(name, config, tensors, ids, logits, root):
    notes = []
    folder = os.path.join(root, name)
    notes.append("float64 %.1e" % difference(prefill(load(folder, torch.float64), ids), logits))
    model = load(folder)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(1 + 1e-4 * torch.randn(model.get_input_embeddings().weight.shape))
    notes.append("1e-4 noise %.1e" % difference(prefill(model, ids), logits))
    for what, change in (("rope", plain_rope), ("window", no_window), ("caps", no_caps), ("attncap", no_attention_cap)):
        changed = without(config, change)
        if changed != config:
            other = os.path.join(root, name + "." + what)
            write_folder(other, changed, tensors)
            notes.append("%s %.2g" % (what, difference(prefill(load(other), ids), logits)))
    return ", ".join(notes)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--folders")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        root = args.folders or scratch
        for name in args.cases or CASES:
            config, build = CASES[name]
            tensors = build()
            vocab = config.get("text_config", config)["vocab_size"]
            ids = token_ids(name, vocab - 3 if "text_config" in config else vocab)
            folder = os.path.join(root, name)
            write_folder(folder, config, tensors)
            logits = prefill(load(folder), ids)
            stepped = greedy(load(folder), ids, GREEDY)
            apart = difference(stepped, logits[-GREEDY - 1:])
            agrees = apart < 1e-4
            made = {"case": name, "made_with": MADE_WITH, "config": config, "tensors": tensors,
                    "ids": ids, "sum_of_squares": float((logits.double() ** 2).sum()),
                    "logits": logits[-3:],
                    "greedy": {"length": GREEDY, "last": stepped[-1]} if agrees else None}
            text = made_text(made)
            if json.loads(text)["config"] != config:
                sys.exit(name + ": config does not survive")
            with open(os.path.join(args.out, name + ".json"), "w") as f:
                f.write(text)
            line = f"{name}: {len(text)} bytes, std {float(logits.std()):.2f}, steps {apart:.1e}"
            if not agrees:
                line += " DISAGREE: greedy is null"
            if args.check:
                root_of_check = tempfile.mkdtemp(dir=scratch)
                write_folder(os.path.join(root_of_check, name), config, tensors)
                line += ", " + check(name, config, tensors, ids, logits, root_of_check)
            print(line, flush=True)


if __name__ == "__main__":
    main()
