/* deepseek_v2.c -- DeepSeek V2: the shares are those of a softmax over all experts. */
#include <string.h>

#include "model/arch/deepseek.h"

/* Transformers ignores norm_topk_prob, DeepSeek's own code does not: no published model has both. */
static vq_status read_route(vq_config *c, vq_route_args *r, vq_err *e)
{
    const char *method;
    bool normalized;
    double scale;
    VQ_TRY(vq_config_text(c, "topk_method", "greedy", &method, e));
    VQ_TRY(vq_config_flag(c, "norm_topk_prob", false, &normalized, e));
    VQ_TRY(vq_config_number(c, "routed_scaling_factor", 1, &scale, e));
    r->scale = (float)scale;
    if (normalized)
        return vq_config_unsupported(c, e, "norm_topk_prob of deepseek_v2 is not supported");
    if (strcmp(method, "greedy") == 0) return VQ_OK;
    if (strcmp(method, "group_limited_greedy") != 0)
        return vq_config_unsupported(c, e, "topk_method %s is not supported", method);
    VQ_TRY(vq_config_size(c, "n_group", VQ_REQUIRED, &r->groups, e));
    return vq_config_size(c, "topk_group", VQ_REQUIRED, &r->open, e);
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_deepseek d = {.sizes = {.hidden = VQ_REQUIRED,
                               .ffn = 11008,
                               .layers = VQ_REQUIRED,
                               .heads = VQ_REQUIRED,
                               .vocab = VQ_REQUIRED,
                               .head_dim = 64, /* not read: ranks say it */
                               .max_position = 2048,
                               .eps = 1e-6},
                     .q_rank = 1536,
                     .shared = 2,
                     .mixture = vq_mixture_usual};
    d.mixture.ffn = 1407;
    d.mixture.experts = 64;
    VQ_TRY(read_route(c, &d.mixture.route, e));
    VQ_TRY(vq_config_flag(c, "mlp_bias", false, &d.mlp_bias, e));
    return vq_deepseek_build(c, &d, g, a, e);
}

const vq_arch vq_arch_deepseek_v2 = {"deepseek_v2", "DeepSeek V2", -1, -1, build};
