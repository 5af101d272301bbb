/* linear.h -- a linear as stored, applied to rows: shared by the linear op and the logits. Its
 * input
 * is what quantize.h made of the activation where the stored module asks for that.
 * test tests/unit/model/test_linear.c */
#ifndef VQ_MODEL_OP_LINEAR_H
#define VQ_MODEL_OP_LINEAR_H

#include "model/op/act_quant.h"

/* vq_linear_rows -- out[m][count], leading dimension ld, = in W[r0, r0 + count)^T + bias. The
 * weight
 * is decoded to f32 in slices of bounded size. in [m][k_out of vq_quantize_of]; an ARC weight whose
 * input is not coded acts in the order of the input. scratch: exec->arena, given back */
vq_status vq_linear_rows(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                         int64_t r0, int64_t count, float *out, int64_t ld, vq_err *e);

/* vq_linear_rows_back -- dx [m][k_out] = g[m][n] W, the gradient of what the weight met. */
vq_status vq_linear_rows_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m,
                              float *dx, vq_err *e);
/* vq_linear_back -- dx [m][k], the gradient of the input as it comes: straight through its
 * quantization and turned back. */
vq_status vq_linear_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m, float *dx,
                         vq_err *e);

/* vq_linear_scratch -- most bytes that rows and rows_back take. vq_linear_back_scratch -- those of
 * vq_linear_back. */
size_t vq_linear_scratch(const vq_exec *x, const vq_linear *l);
size_t vq_linear_back_scratch(const vq_exec *x, const vq_linear *l, int64_t m);

extern const struct vq_op vq_op_linear; /* args: vq_stored_in or NULL */
/* A checkpoint may hold the weight inside of another tensor instead: one that stacks those of all
 * experts. load/stacked.h */
typedef struct vq_stored_in {
    const char *tensor;
    int64_t first;          /* row of all that it holds that this weight begins with */
    int64_t matrices, rows; /* it is [matrices][rows][columns]; matrices 0: [rows][columns] */
    const char *beyond;     /* tensor of one expert more than config.json has; NULL */
} vq_stored_in;

#endif
