/* curvature.h -- sums of outer products over tokens: x x^T of a linear's input, and the two factors
 * of the loss's curvature at a linear. Summed sample by sample in f32, lower triangles only until
 * the end mirrors them: the same bits for every thread count and every cut of the samples into
 * batches. test tests/unit/calib/test_curvature.c */
#ifndef VQ_CALIB_CURVATURE_H
#define VQ_CALIB_CURVATURE_H

#include "base/arena.h"
#include "base/exchange/stats.h"
#include "kernels/kernels.h"

/* Rows of a batch, x [samples * length][width]: `samples` of `length` tokens each, one after the
 * other. Borrowed. */
typedef struct vq_rows {
    const float *x;
    int64_t samples, length, width;
} vq_rows;

/* vq_outer_add -- lower triangle of sum [width][width] += x_t x_t^T, leaving out the first `skip`
 * tokens of each sample. */
void vq_outer_add(float *sum, const vq_kernels *kr, const vq_rows *x, int64_t skip);
/* vq_outer_end -- mirror the lower triangle of sum [width][width] upwards. VQ_E_NUMERIC names
 * module and sum ("Hessian") when its diagonal is not finite; that bounds every other entry. */
vq_status vq_outer_end(float *sum, int64_t width, const char *name, const char *what, vq_err *e);

/* vq_curvature_new -- the matrices of zeros that `needs` asks for: input [k][k], output [n][n],
 * from a; name is borrowed. VQ_E_LIMIT. */
vq_status vq_curvature_new(vq_curvature *c, const char *name, int64_t n, int64_t k, unsigned needs,
                           vq_arena *a, vq_err *e);
/* vq_curvature_add -- x [tokens][k] the inputs of a linear, g [tokens][n] = d loss / d output:
 * input += |g_t|^2 x_t x_t^T, output += g_t g_t^T, where they are gathered; output without the
 * first token of each sample, which is its first row when `whole`. scratch: one sample's inputs,
 * given back. VQ_E_LIMIT. */
vq_status vq_curvature_add(vq_curvature *c, const vq_kernels *kr, const vq_rows *x,
                           const vq_rows *g, bool whole, vq_arena *scratch, vq_err *e);
/* vq_curvature_end -- make both symmetric. VQ_E_NUMERIC: a sum is not finite. */
vq_status vq_curvature_end(vq_curvature *c, int64_t k, vq_err *e);

#endif
