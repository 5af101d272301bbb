/* llama_like.c -- strings the ops of a Llama-like decoder together. */
#include "model/arch/llama_like.h"

static int add_block(vq_build *b, const vq_llama_like *t, const vq_mixing *m,
                     const vq_activation *act, int x)
{
    const vq_attention_names attention = {.q = vq_usual_attention.q,
                                          .k = vq_usual_attention.k,
                                          .v = vq_usual_attention.v,
                                          .o = vq_usual_attention.o,
                                          .qkv_bias = t->qkv_bias,
                                          .o_bias = t->o_bias};
    const bool dense = !t->mixture || (t->dense && t->dense[b->layer]);
    const vq_mlp_names mlp = {vq_usual_mlp.gate, vq_usual_mlp.up, vq_usual_mlp.down, t->mlp_bias};
    const int read = vq_build_rms_norm(b, "input_layernorm.weight", x, NULL);
    x = vq_build_add(b, x, vq_build_attention(b, m, &attention, read));
    const int again = vq_build_rms_norm(b, "post_attention_layernorm.weight", x, NULL);
    if (!dense) return vq_build_mixture(b, t->mixture, act, again, x);
    return vq_build_add(b, x, vq_build_mlp(b, act, &mlp, b->sizes->ffn, again));
}

vq_status vq_llama_like_build(vq_config *c, const vq_llama_like *t, vq_graph *g, vq_arena *a,
                              vq_err *e)
{
    vq_sizes s = t->sizes;
    const vq_activation *act;
    VQ_TRY(vq_sizes_read(c, &s, e));
    VQ_TRY(vq_build_activation(c, "hidden_act", "silu", &act, e));
    vq_rope_defaults rope = t->rope;
    rope.theta = t->theta;
    rope.head_dim = s.head_dim;
    rope.max_position = s.max_position;
    vq_mixing m = {.heads = s.heads,
                   .kv_heads = s.kv_heads,
                   .head_dim = s.head_dim,
                   .q_norm = t->head_norm ? "self_attn.q_norm.weight" : NULL,
                   .k_norm = t->head_norm ? "self_attn.k_norm.weight" : NULL};
    VQ_TRY(vq_rope_read(c, &rope, &m.rope, NULL, a, e));
    vq_build b = vq_build_of(c, &s, g, a, e);
    vq_build_begin(&b, c->model_type);
    int x = vq_build_embedding(&b, "embed_tokens", 1);
    for (int layer = 0; layer < s.layers; layer++) {
        vq_build_block(&b, layer);
        m.window = !t->slides || t->slides[layer] ? t->window : 0;
        x = (t->block ? t->block : add_block)(&b, t, &m, act, x);
    }
    vq_build_head(&b);
    (void)vq_build_lm_head(&b, vq_build_rms_norm(&b, "norm.weight", x, NULL), false);
    return vq_build_end(&b);
}

vq_status vq_slides_read(vq_config *c, int64_t from, vq_llama_like *t, bool *any, vq_arena *a,
                         vq_err *e)
{
    int64_t layers;
    bool *slides;
    VQ_TRY(vq_layer_flags(c, &slides, &layers, a, e));
    *any = false;
    for (int64_t i = 0; i < layers; i++) {
        VQ_TRY(vq_config_slides(c, i, layers, i >= from, &slides[i], e));
        *any = *any || slides[i];
    }
    t->slides = slides;
    return VQ_OK;
}

vq_status vq_window_read(vq_config *c, vq_llama_like *t, vq_arena *a, vq_err *e)
{
    bool use, any = false;
    int64_t window, from;
    const bool none = vq_config_has(c, "sliding_window") && !vq_config_get(c, "sliding_window");
    VQ_TRY(vq_config_size(c, "sliding_window", none ? 0 : 4096, &window, e));
    VQ_TRY(vq_config_flag(c, "use_sliding_window", false, &use, e));
    VQ_TRY(vq_config_count(c, "max_window_layers", 28, &from, e));
    VQ_TRY(vq_slides_read(c, use ? from : INT64_MAX, t, &any, a, e));
    if (any && (!use || !window))
        return vq_fail(e, VQ_E_INPUT,
                       "layer_types has sliding layers but no sliding window is in use");
    t->window = any ? window : 0;
    return VQ_OK;
}
