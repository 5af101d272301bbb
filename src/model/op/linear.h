/* linear.h -- a linear as stored, applied to rows: shared by the linear op and the logits. */
#ifndef VQ_MODEL_OP_LINEAR_H
#define VQ_MODEL_OP_LINEAR_H

#include "model/exec/exec.h"

/* vq_linear_codes_input -- does this run quantize the linear's input? */
bool vq_linear_codes_input(const vq_exec *x, const vq_linear *l);
/* vq_linear_act_spec -- how; pointers into l. */
vq_act_spec vq_linear_act_spec(const vq_linear *l);
/* vq_linear_changes_input -- is its input rotated or quantized before it meets the weight? */
bool vq_linear_changes_input(const vq_exec *x, const vq_linear *l);
/* vq_linear_input_width -- columns of what meets the weight: k_stored when coded, else k. */
int64_t vq_linear_input_width(const vq_exec *x, const vq_linear *l);
/* vq_linear_input -- in [m][k] -> out [m][vq_linear_input_width]: rotated by l->hadamard, then
 * quantized (ARC: gathered and augmented).
 *   scratch: vq_linear_input_scratch bytes of exec->arena, given back. VQ_E_NUMERIC as
 *            vq_fake_quant      test tests/unit/test_linear.c */
vq_status vq_linear_input(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                          float *out, vq_err *e);
size_t vq_linear_input_scratch(const vq_exec *x, const vq_linear *l, int64_t m);

/* vq_linear_rows -- out[m][count], leading dimension ld, = in W[r0, r0 + count)^T + bias. The
 * weight is decoded to f32 in slices of bounded size. in [m][vq_linear_input_width], as
 * vq_linear_input gives it; an ARC weight whose input is not coded acts in the order of the input.
 * scratch: exec->arena, given back
 *   test tests/unit/test_linear.c */
vq_status vq_linear_rows(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                         int64_t r0, int64_t count, float *out, int64_t ld, vq_err *e);

/* vq_linear_rows_back -- dx[m][k] = g[m][n] W, the gradient of the input as it comes: turned back
 * by l->hadamard, straight through its
 * quantization, an ARC weight without the copies for the residuals.
 *
 *   test tests/unit/test_linear.c */
vq_status vq_linear_rows_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m,
                              float *dx, vq_err *e);

/* vq_linear_scratch, vq_linear_back_scratch -- most bytes that these two take. */
size_t vq_linear_scratch(const vq_exec *x, const vq_linear *l);
size_t vq_linear_back_scratch(const vq_linear *l);

#endif
