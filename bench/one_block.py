#!/usr/bin/env python3
"""A Llama of one block (or LAYERS) with random bf16 weights, and token ids for it: FOLDER HIDDEN FFN HEADS KV_HEADS SAMPLES SEQLEN [LAYERS]."""
import array, json, os, random, struct, sys

VOCAB, STEP = 1024, 1 << 24
folder = sys.argv[1]
hidden, ffn, heads, kv_heads, samples, seqlen, layers = map(int, (sys.argv[2:] + [1])[:7])
kv = hidden // heads * kv_heads
rng = random.Random(70)
# Upper bytes of bf16: either sign, magnitudes of 2^-9 to 2^-5; the lower byte (one bit of exponent, seven of mantissa) is any.
UPPER = bytes((i & 0x80) | (0x3B + (i & 1)) for i in range(256))


def values(n):
    out = bytearray(2 * n)
    out[0::2] = rng.randbytes(n)
    out[1::2] = rng.randbytes(n).translate(UPPER)
    return out


shapes = {"model.embed_tokens.weight": [VOCAB, hidden], "model.norm.weight": [hidden], "lm_head.weight": [VOCAB, hidden]}
for block in (f"model.layers.{i}." for i in range(layers)):
    shapes |= {block + f"{n}_layernorm.weight": [hidden] for n in ("input", "post_attention")}
    for name, n, k in [("self_attn.q", hidden, hidden), ("self_attn.k", kv, hidden), ("self_attn.v", kv, hidden), ("self_attn.o", hidden, hidden),
                       ("mlp.gate", ffn, hidden), ("mlp.up", ffn, hidden), ("mlp.down", hidden, ffn)]:
        shapes[block + name + "_proj.weight"] = [n, k]

header, end = {}, 0
for name, shape in shapes.items():
    size = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
    header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
    end += size
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)

os.makedirs(folder, exist_ok=True)
with open(folder + "/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    for name, entry in header.items():
        left = (entry["data_offsets"][1] - entry["data_offsets"][0]) // 2
        while left:
            n = min(left, STEP)
            f.write(b"\x80\x3f" * n if "norm" in name else values(n))
            left -= n
config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": hidden, "intermediate_size": ffn,
          "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": hidden // heads, "vocab_size": VOCAB,
          "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": False, "attention_bias": False,
          "mlp_bias": False, "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "bfloat16"}
with open(folder + "/config.json", "w") as f:
    json.dump(config, f, indent=1)
ids = array.array("i", (rng.randrange(VOCAB) for _ in range(samples * seqlen)))
if sys.byteorder == "big":
    ids.byteswap()
with open(folder + "/ids.i32", "wb") as f:
    ids.tofile(f)
