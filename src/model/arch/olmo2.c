/* olmo2.c -- OLMo 2: norms stand behind attention and MLP, not before them; queries and keys are
 * normalized over all heads at once. source transformers 5.23 modeling_olmo2.py */
#include "model/arch/llama_like.h"

static int add_attention(vq_build *b, const vq_llama_like *t, const vq_mixing *m, int x)
{
    const int64_t width = b->sizes->hidden, q_width = m->heads * m->head_dim,
                  kv_width = m->kv_heads * m->head_dim;
    const vq_attention_names *n = &vq_usual_attention;
    const int q = vq_build_linear(b, VQ_ROLE_Q, n->q, x, q_width, t->qkv_bias);
    const int k = vq_build_linear(b, VQ_ROLE_K, n->k, x, kv_width, t->qkv_bias);
    const int v = vq_build_linear(b, VQ_ROLE_V, n->v, x, kv_width, t->qkv_bias);
    const int query = vq_build_rms_norm(b, "self_attn.q_norm.weight", q, NULL);
    const int key = vq_build_rms_norm(b, "self_attn.k_norm.weight", k, NULL);
    const int mixed = vq_build_mix(b, m, query, key, v);
    return vq_build_linear(b, VQ_ROLE_O, n->o, mixed, width, t->o_bias);
}

static int add_block(vq_build *b, const vq_llama_like *t, const vq_mixing *m,
                     const vq_activation *act, int x)
{
    const int attention = add_attention(b, t, m, x);
    x = vq_build_add(b, x,
                     vq_build_rms_norm(b, "post_attention_layernorm.weight", attention, NULL));
    const int mlp = vq_build_mlp(b, act, &vq_usual_mlp, b->sizes->ffn, x);
    return vq_build_add(b, x, vq_build_rms_norm(b, "post_feedforward_layernorm.weight", mlp, NULL));
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = 4096,
                                 .ffn = 11008,
                                 .layers = 32,
                                 .heads = 32,
                                 .vocab = 50304,
                                 .max_position = 2048,
                                 .eps = 1e-5},
                       .theta = 10000,
                       .block = add_block};
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &t.qkv_bias, e));
    t.o_bias = t.qkv_bias;
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_olmo2 = {"olmo2", "OLMo 2", -1, 50279, build};
