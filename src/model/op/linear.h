/* linear.h -- a linear as stored, applied to rows: shared by the linear op and the logits. */
#ifndef VQ_MODEL_OP_LINEAR_H
#define VQ_MODEL_OP_LINEAR_H

#include "model/exec.h"

/* vq_linear_codes_input -- does this run quantize the linear's input? */
bool vq_linear_codes_input(const vq_exec *x, const vq_linear *l);
/* vq_linear_act_spec -- how; pointers into l. */
vq_act_spec vq_linear_act_spec(const vq_linear *l);

/* vq_linear_rows -- out[m][count], leading dimension ld, = in W[r0, r0 + count)^T + bias. The weight is decoded to f32 in slices of bounded
 * size. in  [m][k_stored] when the input is coded (ARC: gathered and augmented), else [m][k]; an ARC weight then acts in the order of the
 * input. scratch: exec->arena, given back                                                          test tests/unit/test_linear.c */
vq_status vq_linear_rows(const vq_exec *x, const vq_linear *l, const float *in, int64_t m, int64_t r0, int64_t count, float *out,
                         int64_t ld, vq_err *e);

/* vq_linear_rows_back -- dx[m][k] = g[m][n] W, the gradient of the input as it comes: straight through its quantization, an ARC weight
 * without the copies for the residuals.                                                            test tests/unit/test_linear.c */
vq_status vq_linear_rows_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m, float *dx, vq_err *e);

/* vq_linear_scratch, vq_linear_back_scratch -- most bytes that these two take. */
size_t vq_linear_scratch(const vq_exec *x, const vq_linear *l);
size_t vq_linear_back_scratch(const vq_linear *l);

#endif
