/* deepseek.h -- DeepSeek V2 and V3: latent attention and a mixture of experts beside shared ones. */
#ifndef VQ_MODEL_ARCH_DEEPSEEK_H
#define VQ_MODEL_ARCH_DEEPSEEK_H

#include "model/arch/build/build_experts.h"

/* Where the versions differ. */
typedef struct vq_deepseek {
    vq_sizes sizes;                /* defaults */
    int64_t q_rank, nope, rope, v; /* defaults are the same */
    int64_t shared, dense;         /* shared experts; first blocks with an MLP */
    bool mlp_bias;
    bool halves;        /* rope pairs are (i, i + half) instead of neighbours */
    vq_mixture mixture; /* route is the version's; sizes are read here */
} vq_deepseek;

/* vq_deepseek_build -- sizes, ranks and counts of experts are read here; the rest of d is the
 * caller's. */
vq_status vq_deepseek_build(vq_config *c, const vq_deepseek *d, vq_graph *g, vq_arena *a,
                            vq_err *e);

#endif
