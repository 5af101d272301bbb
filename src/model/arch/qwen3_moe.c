/* qwen3_moe.c -- Qwen3 with a mixture of experts in some of its blocks. */
#include "model/arch/llama_like.h"

static vq_status read_mixture(const vq_config *c, vq_mixture *m, vq_err *e)
{
    *m = vq_mixture_usual;
    m->route.scale = 1;
    VQ_TRY(vq_config_size(c, "moe_intermediate_size", 768, &m->ffn, e));
    VQ_TRY(vq_config_count(c, "num_local_experts", 128, &m->experts, e)); /* as v5 saves it */
    VQ_TRY(vq_config_count(c, "num_experts", m->experts, &m->experts, e));
    VQ_TRY(vq_config_size(c, "num_experts_per_tok", 8, &m->route.chosen, e));
    VQ_TRY(vq_config_flag(c, "norm_topk_prob", false, &m->route.normalized, e));
    return m->experts ? vq_mixture_check(m, e) : VQ_OK;
}

/* dense [layers] of the layers that mlp_only_layers lists. */
static vq_status read_list(const vq_config *c, int64_t layers, bool *dense, vq_err *e)
{
    const json_t *list = vq_config_get(c, "mlp_only_layers"), *one;
    size_t i;
    if (list && !json_is_array(list))
        return vq_fail(e, VQ_E_INPUT, "mlp_only_layers is not a list");
    json_array_foreach(list, i, one)
    {
        const int64_t layer = json_is_integer(one) ? json_integer_value(one) : -1;
        if (layer < 0 || layer >= layers)
            return vq_fail(e, VQ_E_INPUT, "mlp_only_layers: entry %zu is no layer (0 to %lld)", i,
                           (long long)layers - 1);
        dense[layer] = true;
    }
    return VQ_OK;
}

/* Blocks that have an MLP instead. */
static vq_status read_dense(const vq_config *c, int64_t experts, const bool **out, vq_arena *a,
                            vq_err *e)
{
    int64_t layers, step;
    bool *dense;
    VQ_TRY(vq_config_size(c, "decoder_sparse_step", 1, &step, e));
    VQ_TRY(vq_layer_flags(c, &dense, &layers, a, e));
    for (int64_t i = 0; i < layers; i++) dense[i] = experts == 0 || (i + 1) % step != 0;
    *out = dense;
    return read_list(c, layers, dense, e);
}

static vq_status read_window(const vq_config *c, vq_llama_like *t, vq_err *e)
{
    bool use;
    int64_t window;
    VQ_TRY(vq_config_flag(c, "use_sliding_window", false, &use, e));
    VQ_TRY(vq_config_size(c, "sliding_window", 4096, &window, e));
    t->window = use ? window : 0;
    return VQ_OK;
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_mixture mixture;
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = 6144,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,
                                 .kv_heads = 4,
                                 .max_position = 32768,
                                 .eps = 1e-6},
                       .head_norm = true,
                       .theta = 10000,
                       .mixture = &mixture};
    VQ_TRY(read_mixture(c, &mixture, e));
    VQ_TRY(read_dense(c, mixture.experts, &t.dense, a, e));
    VQ_TRY(read_window(c, &t, e));
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &t.qkv_bias, e));
    t.o_bias = t.qkv_bias;
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_qwen3_moe = {"qwen3_moe", "Qwen 3 (mixture of experts)", -1, -1, build};
