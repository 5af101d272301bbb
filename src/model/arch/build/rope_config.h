/* rope_config.h -- the rope of a config in both spellings: v4 has rope_theta, rope_scaling and
 * partial_rotary_factor at the top, v5 rope_parameters, which may differ by kind of layer.
 * Types: default, linear, dynamic, llama3, yarn, longrope.
 * source transformers 5.23 modeling_rope_utils.py   test tests/families/test_families.c */
#ifndef VQ_MODEL_ARCH_BUILD_ROPE_CONFIG_H
#define VQ_MODEL_ARCH_BUILD_ROPE_CONFIG_H

#include "base/arena.h"
#include "model/arch/build/config.h"
#include "model/op/attention/rope.h"

typedef struct vq_rope_defaults {
    double theta;
    int64_t head_dim, max_position;
    bool partial;           /* this family turns a part of a head where the config says so */
    const char *layer_kind; /* "full_attention" where parameters may be given by kind; NULL */
    const char *theta_key;  /* v4 key of theta; NULL: rope_theta */
    bool unscaled;          /* v4 rope_scaling does not apply (sliding layers of Gemma 3) */
    int64_t trained;        /* original_max_position_embeddings where the config is silent; 0:
                             * max_position */
    bool longrope_names;    /* "su" and "yarn" mean longrope (Phi-3) */
} vq_rope_defaults;

/* vq_rope_read -- the table, from a. *mscale (may be NULL): what the config says that scores are to
 * be multiplied by besides (DeepSeek: yarn's mscale_all_dim), 1 otherwise. */
vq_status vq_rope_read(vq_config *c, const vq_rope_defaults *d, const vq_rope_table **out,
                       double *mscale, vq_arena *a, vq_err *e);

#endif
