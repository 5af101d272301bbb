/* norm.h -- norms: over a token's row, over each head of it, around the mean. test
 * tests/unit/model/test_backward.c, tests/families */
#ifndef VQ_MODEL_OP_NORM_H
#define VQ_MODEL_OP_NORM_H

#include "model/op/op.h"

extern const vq_op vq_op_rms_norm;  /* y = x / rms(x) * w; name is the weight's tensor */
extern const vq_op vq_op_head_norm; /* the same over each head, one w [head_dim] for all */
typedef struct vq_norm {            /* args of both; NULL: all false */
    bool plus_one;                  /* 1 + what is stored multiplies (Gemma) */
} vq_norm;

extern const vq_op vq_op_layer_norm; /* y = (x - mean) / sd * w + b; name is the module */

#endif
