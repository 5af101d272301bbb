/* mixtral.c -- Mixtral: Mistral with a mixture of experts in every block. */
#include "model/arch/llama_like.h"

static vq_status read_mixture(const vq_config *c, vq_mixture *m, vq_err *e)
{
    *m = (vq_mixture){.route = {.normalized = true, .scale = 1},
                      .router = "block_sparse_moe.gate",
                      .expert = "block_sparse_moe.experts.",
                      .gate = "w1",
                      .up = "w3",
                      .down = "w2",
                      .other_router = "mlp.gate.weight",
                      .gate_up_stack = vq_mixture_usual.gate_up_stack,
                      .down_stack = vq_mixture_usual.down_stack};
    VQ_TRY(vq_config_size(c, "intermediate_size", VQ_REQUIRED, &m->ffn, e));
    VQ_TRY(vq_config_size(c, "num_local_experts", 8, &m->experts, e));
    VQ_TRY(vq_config_size(c, "num_experts_per_tok", 2, &m->route.chosen, e));
    return vq_mixture_check(m, e);
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_mixture mixture;
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = VQ_REQUIRED,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,
                                 .kv_heads = 8,
                                 .max_position = 131072,
                                 .eps = 1e-5},
                       .theta = 1e6,
                       .mixture = &mixture};
    VQ_TRY(read_mixture(c, &mixture, e));
    VQ_TRY(vq_config_size(c, "sliding_window", 0, &t.window, e));
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_mixtral = {"mixtral", "Mixtral", 1, 2, build};
