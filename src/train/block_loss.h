/* block_loss.h -- how far the outputs of a block are from what they should be, and the gradient of
 * that. */
#ifndef VQ_TRAIN_BLOCK_LOSS_H
#define VQ_TRAIN_BLOCK_LOSS_H

#include "model/exec/exec.h"

/* Error of a token = e^T metric e / |target|^2, e = out - target: what reads the residual stream
 * normalizes it first. The loss is the mean. */
typedef struct vq_block_error {
    const vq_kernels *kernels;
    int64_t width;
    const float *target; /* [tokens][width] of the outputs that come next */
    const float *metric; /* [width][width] symmetric, NULL: the identity */
    float *off;          /* [most tokens][width] */
    double *each;        /* [most tokens] */
    double total;        /* sum over all tokens since it was set to 0 */
} vq_block_error;

/* vq_block_metric -- metric [n][n] of a block's output from `output` [n][n], the output curvature
 * (base/exchange/stats.h) of the linear that ends the block: its gradient is that of the residual
 * stream. Divided by its mean diagonal, a hundredth added to the diagonal, so that no direction is
 * free.
 *  source spec 6.6: KL moves by e^T E[g g^T] e for an error e of the output */
void vq_block_metric(const float *output, int64_t n, float *metric);

/* vq_block_error_init -- room for most_tokens tokens at a time, from a; metric is borrowed.
 * VQ_E_LIMIT. */
vq_status vq_block_error_init(vq_block_error *b, const vq_kernels *kr, int64_t width,
                              const float *metric, int64_t most_tokens, vq_arena *a, vq_err *e);
/* vq_block_error_add -- a vq_block_loss, ctx is the vq_block_error, whose target is set: total
 * grows by the errors of out [tokens][width]; g [tokens][width] (may be NULL): gradient of their
 * mean. Same bits for every thread count. */
vq_status vq_block_error_add(void *ctx, const float *out, int64_t tokens, float *g, vq_err *e);

#endif
