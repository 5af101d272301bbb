/* norm.h -- norms: over a token's row, over each head of it, around the mean. */
#ifndef VQ_MODEL_OP_NORM_H
#define VQ_MODEL_OP_NORM_H

#include "model/op/op.h"

extern const vq_op vq_op_rms_norm;  /* y = x / rms(x) * w; name is the weight's tensor */
extern const vq_op vq_op_head_norm; /* the same over each head, one w [head_dim] for all */
typedef struct vq_norm {            /* args of both; NULL: all false */
    bool plus_one;                  /* 1 + what is stored multiplies (Gemma) */
} vq_norm;

extern const vq_op vq_op_layer_norm; /* y = (x - mean) / sd * w + b; name is the module */

/* vq_norm_load -- the weight that works, n elements in exec's arena. */
vq_status vq_norm_load(const vq_exec *x, const vq_node *n, int64_t width, const float **w,
                       vq_err *e);
/* vq_norm_param -- the weight as a parameter of the node. */
vq_param vq_norm_param(const vq_node *n, int64_t width, bool channels);

/* vq_norm_back -- rows [rows][width] of an RMSNorm whose weight has `width` elements: gradient of
 * the input into f->into[0], and of the weight for who asked, each element summed over the rows in
 * order. test tests/unit/model/test_backward.c */
vq_status vq_norm_back(const vq_node *n, int id, vq_frame *f, int64_t rows, int64_t width,
                       vq_err *e);
size_t vq_norm_back_scratch(int64_t rows, int64_t width);

#endif
