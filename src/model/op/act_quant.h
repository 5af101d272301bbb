/* act_quant.h -- what happens to an activation before it meets a matrix or another activation: a
 * rotation in blocks, a gather, fake quantization, and copies that carry the residuals of the last
 * channels (ARC). Today it stands before linears (program.c puts it there as their stored module
 * says); keys, values and probabilities are other places for the same op.
 * test tests/unit/model/test_linear.c */
#ifndef VQ_MODEL_OP_ACT_QUANT_H
#define VQ_MODEL_OP_ACT_QUANT_H

#include "model/op/context.h"

typedef struct vq_quantize {
    int64_t hadamard; /* block of the rotation, 0: none */
    bool codes;       /* quantized by `act`; false: rotated only */
    vq_act_spec act;  /* order, residual channels, static scales; act.num is set when used */
    vq_num num;       /* the number format of act */
    int64_t k, k_out; /* columns in and out: k, or k + s with residual copies */
    int64_t block;    /* of the residual copies */
} vq_quantize;

/* vq_quantize_of -- what a stored linear asks for; false: it takes its input as it is. Arrays are
 * borrowed from l. */
bool vq_quantize_of(const vq_exec *x, const vq_linear *l, vq_quantize *q);
/* vq_quantize_same -- do both make the same of an input? */
bool vq_quantize_same(const vq_quantize *a, const vq_quantize *b);
/* vq_quantize_run -- in [m][k] -> out [m][k_out] (may be in unless a gather is asked for).
 *   scratch: vq_quantize_bytes of exec->arena, given back. VQ_E_NUMERIC as vq_fake_quant */
vq_status vq_quantize_run(const vq_exec *x, const vq_quantize *q, const float *in, int64_t m,
                          float *out, vq_err *e);
size_t vq_quantize_bytes(const vq_quantize *q, int64_t m);
/* vq_quantize_back -- g [m][k_out] -> dx [m][k], straight through the quantization; the copies for
 * residuals are left out. */
void vq_quantize_back(const vq_exec *x, const vq_quantize *q, const float *g, int64_t m, float *dx);

extern const struct vq_op vq_op_quantize; /* args: vq_quantize */

#endif
