/* llama_like.h -- the decoder that the Llama family shares: norm, attention with rope and grouped
 * heads, norm, gated MLP. */
#ifndef VQ_MODEL_ARCH_LLAMA_LIKE_H
#define VQ_MODEL_ARCH_LLAMA_LIKE_H

#include "model/arch/build/build_experts.h"
#include "model/arch/build/rope_config.h"

/* Where a family differs. sizes: defaults of its config. */
typedef struct vq_llama_like vq_llama_like;
struct vq_llama_like {
    vq_sizes sizes;
    bool qkv_bias, o_bias, mlp_bias;
    bool head_norm;     /* RMSNorm over each head of q and k, before rope */
    int64_t window;     /* sliding window, 0: none */
    const bool *slides; /* [layers] these have it; NULL: all */
    double theta;
    const vq_mixture *mixture; /* in place of the MLP; NULL: none */
    const bool *dense;         /* [layers] these have the MLP all the same; NULL: none of them */
    vq_rope_defaults rope;     /* what else the family says of it; theta and sizes are filled in */
    /* block -- the value of one block over x. NULL: the Llama block. m->window holds for it. */
    int (*block)(vq_build *b, const vq_llama_like *t, const vq_mixing *m, const vq_activation *act,
                 int x);
};

/* vq_llama_like_build -- sizes, activation and rope are read here; the rest of t is the caller's. */
vq_status vq_llama_like_build(vq_config *c, const vq_llama_like *t, vq_graph *g, vq_arena *a,
                              vq_err *e);
/* vq_slides_read -- t->slides, from a: layer_types, or the layers from `from` on where it is silent;
 * *any: do some? */
vq_status vq_slides_read(vq_config *c, int64_t from, vq_llama_like *t, bool *any, vq_arena *a,
                         vq_err *e);
/* vq_window_read -- Qwen's keys: use_sliding_window, sliding_window, max_window_layers,
 * layer_types. */
vq_status vq_window_read(vq_config *c, vq_llama_like *t, vq_arena *a, vq_err *e);

#endif
