/* gemma_like.h -- the decoder that the Gemma family shares: embedding times the root of its width,
 * norms that multiply by 1 + w, gated MLP; from Gemma 2 on norms behind attention and MLP too. */
#ifndef VQ_MODEL_ARCH_GEMMA_LIKE_H
#define VQ_MODEL_ARCH_GEMMA_LIKE_H

#include "model/arch/build/build.h"
#include "model/arch/build/rope_config.h"

/* Where a generation differs. */
typedef struct vq_gemma_like {
    vq_sizes sizes; /* defaults of its config */
    const vq_activation *activation;
    bool post_norms;   /* what attention and MLP add is normed */
    bool head_norms;   /* heads of q and k are normed before rope */
    int64_t pattern;   /* every pattern-th layer sees all keys, the others a window; 0: all do */
    double scale_from; /* scores over the root of query_pre_attn_scalar, by default this; 0: of
                        * head_dim */
    float score_cap, logit_cap;  /* 0: none */
    vq_rope_defaults rope;       /* sizes are filled in */
    vq_rope_defaults local_rope; /* of layers with a window; theta 0: as the others */
} vq_gemma_like;

/* vq_gemma_like_build -- sizes, window, kinds of layers and ropes are read here. */
vq_status vq_gemma_like_build(vq_config *c, const vq_gemma_like *t, vq_graph *g, vq_arena *a,
                              vq_err *e);
/* vq_gemma_cap_read -- null is no cap. */
vq_status vq_gemma_cap_read(const vq_config *c, const char *key, double fallback, float *out,
                            vq_err *e);

/* vq_gemma3_build -- the text model of Gemma 3, in a config of its own or inside another. capped: the
 * config's bound of the logits holds. */
vq_status vq_gemma3_build(vq_config *c, bool capped, vq_graph *g, vq_arena *a, vq_err *e);

#endif
