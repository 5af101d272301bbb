/* phi3.c -- Phi-3: q, k, v and gate, up are one matrix each, cut apart behind it; rope may turn a part
 * of a head, with longrope beyond the trained context. source transformers 5.23 modeling_phi3.py */
#include "model/arch/llama_like.h"

static int add_attention(vq_build *b, const vq_mixing *m, int x)
{
    const int64_t width = b->sizes->hidden, q_width = m->heads * m->head_dim,
                  kv_width = m->kv_heads * m->head_dim;
    const int qkv =
        vq_build_linear(b, VQ_ROLE_QKV, "self_attn.qkv_proj", x, q_width + 2 * kv_width, false);
    const int q = vq_build_slice(b, qkv, 0, q_width);
    const int k = vq_build_slice(b, qkv, q_width, kv_width);
    const int v = vq_build_slice(b, qkv, q_width + kv_width, kv_width);
    const int mixed = vq_build_mix(b, m, q, k, v);
    return vq_build_linear(b, VQ_ROLE_O, "self_attn.o_proj", mixed, width, false);
}

static int add_mlp(vq_build *b, const vq_activation *act, int x)
{
    const int64_t ffn = b->sizes->ffn;
    const int both = vq_build_linear(b, VQ_ROLE_GATE_UP, "mlp.gate_up_proj", x, 2 * ffn, false);
    const int gate = vq_build_slice(b, both, 0, ffn), up = vq_build_slice(b, both, ffn, ffn);
    const int gated = vq_build_gated(b, act, gate, up);
    return vq_build_linear(b, VQ_ROLE_DOWN, "mlp.down_proj", gated, b->sizes->hidden, false);
}

static int add_block(vq_build *b, const vq_llama_like *t, const vq_mixing *m,
                     const vq_activation *act, int x)
{
    (void)t;
    const int read = vq_build_rms_norm(b, "input_layernorm.weight", x, NULL);
    x = vq_build_add(b, x, add_attention(b, m, read));
    const int again = vq_build_rms_norm(b, "post_attention_layernorm.weight", x, NULL);
    return vq_build_add(b, x, add_mlp(b, act, again));
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = 3072,
                                 .ffn = 8192,
                                 .layers = 32,
                                 .heads = 32,
                                 .vocab = 32064,
                                 .max_position = 4096,
                                 .eps = 1e-5},
                       .theta = 10000,
                       .rope = {.partial = true, .longrope_names = true, .trained = 4096},
                       .block = add_block};
    VQ_TRY(vq_config_count(c, "sliding_window", 0, &t.window, e));
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_phi3 = {"phi3", "Phi-3 mini and medium, Phi-3.5 mini, Phi-4", 1, 32000,
                              build};
