#!/usr/bin/env python3
"""make_reference.py > tests/unit/model/architecture_logits.h -- logits of tiny models from transformers (fp32), for tests/unit/model/test_architectures.c.

The weights are those of tests/memory_source.h: one linear congruential sequence, in the order in which the graph names the tensors.
Made with transformers 5.23, torch 2.15.
"""
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

SIZES = dict(hidden_size=48, intermediate_size=56, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=16,
             vocab_size=61, max_position_embeddings=256, rms_norm_eps=1e-5, attn_implementation="eager")
LENGTH, PICKED = 24, [0, 7, 19, 33, 48, 60]
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
LINEAR = dict(rope_type="linear", rope_theta=10000.0, factor=4.0)
PLAIN = dict(rope_type="default", rope_theta=10000.0)
CASES = [
    ("llama3_rope", LlamaForCausalLM, LlamaConfig(**SIZES, rope_parameters=LLAMA3, tie_word_embeddings=False)),
    ("llama_linear_rope_biases", LlamaForCausalLM,
     LlamaConfig(**SIZES, rope_parameters=LINEAR, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    ("mistral_window", MistralForCausalLM, MistralConfig(**SIZES, rope_parameters=PLAIN, sliding_window=5, tie_word_embeddings=False)),
    ("qwen2_window_from_block_1", Qwen2ForCausalLM,
     Qwen2Config(**SIZES, rope_parameters=PLAIN, use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True)),
    ("qwen3", Qwen3ForCausalLM, Qwen3Config(**SIZES, rope_parameters=PLAIN, attention_bias=False, tie_word_embeddings=False)),
]
STATE = 0


def draw(n):
    global STATE
    out = np.empty(n, np.float32)
    for i in range(n):
        STATE = (STATE * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = np.float32((STATE >> 33) - 2**30) / np.float32(2**30)
    return out


def in_graph_order(names):
    """Embedding, blocks (attention with the head norms after the projections, then the MLP), final norm, lm_head; weight before bias."""
    attention = ["input_layernorm", "q_proj", "k_proj", "v_proj", "q_norm", "k_norm", "o_proj"]
    inner = attention + ["post_attention_layernorm", "gate_proj", "up_proj", "down_proj"]

    def key(name):
        parts = name.split(".")
        if "layers" in parts:
            return 1, int(parts[2]), inner.index(parts[-2]), parts[-1] == "bias"
        return {"embed_tokens": 0, "norm": 2, "lm_head": 3}[parts[-2]], 0, 0, 0
    return sorted(names, key=key)


def fill(model, tied):
    global STATE
    STATE = 7
    state = model.state_dict()
    for name in in_graph_order([n for n in state if not (tied and n == "lm_head.weight")]):
        base, spread = (1, 0.3) if "norm" in name else (0, 1) if "embed" in name else (0, 0.2) if name.endswith("bias") else (0, 0.3)
        values = np.float32(base) + np.float32(spread) * draw(state[name].numel())
        state[name].copy_(torch.from_numpy(values).view(state[name].shape))


print("/* architecture_logits.h -- made by tests/model/make_reference.py: logits of transformers 5.23 in fp32. */")
print("static const struct {\n    const char *name;\n    double sum_of_squares; /* over all positions and the vocabulary */\n    float last[6];         /* last position, six ids */")
print("} logits_of[] = {")
ids = torch.tensor([[(i * i * 7 + 3 * i) % 61 for i in range(LENGTH)]])
for name, kind, config in CASES:
    model = kind(config).float().eval()
    with torch.no_grad():
        fill(model, config.tie_word_embeddings)
        logits = model(ids).logits[0].double()
    picked = ", ".join(f"{logits[-1, i].item():.6f}f" for i in PICKED)
    print(f'    {{"{name}", {logits.square().sum().item():.4f}, {{{picked}}}}},')
print("};")
