/* dense.h -- stored dense tensors as f32: rows of matrices, vectors of norms and biases. */
#ifndef VQ_MODEL_OP_DENSE_H
#define VQ_MODEL_OP_DENSE_H

#include "model/op/context.h"

/* vq_dense_rows -- rows [r0, r0 + count) of t [..][cols] into out [count][cols]; parallel for BF16,
 * F16 and F32. VQ_E_INPUT: not a float type. */
vq_status vq_dense_rows(const vq_kernels *kr, const vq_tensor *t, int64_t r0, int64_t count,
                        int64_t cols, float *out, vq_err *e);

/* vq_dense_gather -- the same for rows[count] in any order. */
vq_status vq_dense_gather(const vq_kernels *kr, const vq_tensor *t, const int32_t *rows,
                          int64_t count, int64_t cols, float *out, vq_err *e);

/* vq_dense_vector -- n elements of t as f32 in the arena; VQ_E_INPUT when it holds another number
 * of them. */
vq_status vq_dense_vector(const vq_exec *x, const vq_tensor *t, int64_t n, float **out, vq_err *e);

/* vq_embedding_table -- tensor [in_width][width] of an embedding node. VQ_E_INPUT: another shape. */
vq_status vq_embedding_table(const vq_exec *x, const vq_node *n, vq_tensor *out, vq_err *e);

#endif
