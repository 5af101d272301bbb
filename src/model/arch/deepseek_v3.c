/* deepseek_v3.c -- DeepSeek V3 and R1: shares are sigmoids, and a correction takes part in the
 * choice. The layers that predict further tokens lie behind the last block and are not run. */
#include "model/arch/deepseek.h"

static vq_status read_route(const vq_config *c, vq_route_args *r, vq_err *e)
{
    double scale;
    *r = (vq_route_args){.chosen = 8, .sigmoid = true, .best_two = true, .to_sum = 1e-20F};
    VQ_TRY(vq_config_size(c, "n_group", 8, &r->groups, e));
    VQ_TRY(vq_config_size(c, "topk_group", 4, &r->open, e));
    VQ_TRY(vq_config_flag(c, "norm_topk_prob", true, &r->normalized, e));
    VQ_TRY(vq_config_number(c, "routed_scaling_factor", 2.5, &scale, e));
    r->scale = (float)scale;
    return VQ_OK;
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    bool neighbours;
    vq_deepseek d = {.sizes = {.hidden = VQ_REQUIRED,
                               .ffn = 18432,
                               .layers = VQ_REQUIRED,
                               .heads = VQ_REQUIRED,
                               .vocab = VQ_REQUIRED,
                               .head_dim = 64, /* not read: ranks say it */
                               .max_position = 4096,
                               .eps = 1e-6},
                     .q_rank = 1536,
                     .shared = 1,
                     .dense = 3,
                     .mixture = vq_mixture_usual};
    d.mixture.ffn = 2048;
    d.mixture.experts = 256;
    d.mixture.correction = "mlp.gate.e_score_correction_bias";
    VQ_TRY(read_route(c, &d.mixture.route, e));
    VQ_TRY(vq_config_flag(c, "rope_interleave", true, &neighbours, e));
    d.halves = !neighbours;
    return vq_deepseek_build(c, &d, g, a, e);
}

const vq_arch vq_arch_deepseek_v3 = {"deepseek_v3", "DeepSeek V3 and R1", 0, 1, build};
