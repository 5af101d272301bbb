/* gemma_like.c -- strings the ops of a Gemma decoder together. */
#include "model/arch/gemma_like.h"

#include <math.h>

/* What config.json says besides sizes. */
typedef struct reading {
    int64_t window;
    bool bias;
    float scale;
    const vq_rope_table *rope, *local;
} reading;

static const vq_norm plus_one = {.plus_one = true};

static int norm(vq_build *b, const char *part, int x)
{
    return vq_build_rms_norm(b, part, x, &plus_one);
}

static int add_block(vq_build *b, const vq_gemma_like *t, const vq_mixing *m,
                     const vq_attention_names *names, int x)
{
    int y = vq_build_attention(b, m, names, norm(b, "input_layernorm.weight", x));
    if (t->post_norms) y = norm(b, "post_attention_layernorm.weight", y);
    x = vq_build_add(b, x, y);
    /* The first Gemma calls the norm before its MLP by the name that is behind attention later. */
    y = norm(b,
             t->post_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight",
             x);
    y = vq_build_mlp(b, t->activation, &vq_usual_mlp, b->sizes->ffn, y);
    if (t->post_norms) y = norm(b, "post_feedforward_layernorm.weight", y);
    return vq_build_add(b, x, y);
}

static vq_status add_blocks(vq_build *b, const vq_gemma_like *t, const reading *r, int *x)
{
    vq_attention_names names = vq_usual_attention;
    names.qkv_bias = names.o_bias = r->bias;
    for (int layer = 0; layer < b->sizes->layers; layer++) {
        bool slides = t->pattern && (layer + 1) % t->pattern != 0;
        if (t->pattern)
            VQ_TRY(vq_config_slides(b->config, layer, b->sizes->layers, slides, &slides, b->err));
        if (slides && !r->window)
            return vq_fail(b->err, VQ_E_INPUT, "layer %d slides, but sliding_window is null",
                           layer);
        const vq_mixing m = {.heads = b->sizes->heads,
                             .kv_heads = b->sizes->kv_heads,
                             .head_dim = b->sizes->head_dim,
                             .rope = slides ? r->local : r->rope,
                             .q_norm = t->head_norms ? "self_attn.q_norm.weight" : NULL,
                             .k_norm = t->head_norms ? "self_attn.k_norm.weight" : NULL,
                             .norm = &plus_one,
                             .scale = r->scale,
                             .window = slides ? r->window : 0,
                             .cap = t->score_cap};
        vq_build_block(b, layer);
        *x = add_block(b, t, &m, &names, *x);
    }
    return VQ_OK;
}

static vq_status read_ropes(vq_config *c, const vq_gemma_like *t, const vq_sizes *s, reading *r,
                            vq_arena *a, vq_err *e)
{
    vq_rope_defaults rope = t->rope, local = t->local_rope;
    rope.head_dim = local.head_dim = s->head_dim;
    rope.max_position = local.max_position = s->max_position;
    VQ_TRY(vq_rope_read(c, &rope, &r->rope, NULL, a, e));
    r->local = r->rope;
    return local.theta > 0 ? vq_rope_read(c, &local, &r->local, NULL, a, e) : VQ_OK;
}

static vq_status read_rest(vq_config *c, const vq_gemma_like *t, const vq_sizes *s, reading *r,
                           vq_err *e)
{
    const bool none = vq_config_has(c, "sliding_window") && !vq_config_get(c, "sliding_window");
    double from = t->scale_from;
    bool both_ways;
    VQ_TRY(vq_config_size(c, "sliding_window", none ? 0 : 4096, &r->window, e));
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &r->bias, e));
    VQ_TRY(vq_config_flag(c, "use_bidirectional_attention", false, &both_ways, e));
    if (both_ways)
        return vq_config_unsupported(c, e, "use_bidirectional_attention is not supported");
    if (from > 0) VQ_TRY(vq_config_number(c, "query_pre_attn_scalar", from, &from, e));
    r->scale = (float)(1 / sqrt(from > 0 ? from : (double)s->head_dim));
    return VQ_OK;
}

vq_status vq_gemma_cap_read(const vq_config *c, const char *key, double fallback, float *out,
                            vq_err *e)
{
    double cap;
    const bool none = vq_config_has(c, key) && !vq_config_get(c, key);
    VQ_TRY(vq_config_number(c, key, none ? 0 : fallback, &cap, e));
    *out = (float)cap;
    return VQ_OK;
}

vq_status vq_gemma_like_build(vq_config *c, const vq_gemma_like *t, vq_graph *g, vq_arena *a,
                              vq_err *e)
{
    vq_sizes s = t->sizes;
    reading r;
    VQ_TRY(vq_sizes_read(c, &s, e));
    VQ_TRY(read_rest(c, t, &s, &r, e));
    VQ_TRY(read_ropes(c, t, &s, &r, a, e));
    vq_build b = vq_build_of(c, &s, g, a, e);
    vq_build_begin(&b, c->model_type);
    int x = vq_build_embedding(&b, "embed_tokens", (float)sqrt((double)s.hidden));
    VQ_TRY(add_blocks(&b, t, &r, &x));
    vq_build_head(&b);
    x = vq_build_lm_head(&b, norm(&b, "norm.weight", x), false);
    (void)vq_build_cap(&b, x, t->logit_cap);
    return vq_build_end(&b);
}
