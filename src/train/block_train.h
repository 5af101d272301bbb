/* block_train.h -- learned rounding of one block: its linears are trained together on the error of
 * the block's output.
 *
 * Between the initial rounding of all linears of a block and their packing. Inputs are what the
 * block will see (quantized before it, when the recipe propagates that), targets what the original
 * block gives. Some samples are held out: their error decides which state is kept,
 * so that the result is never worse on them than the start.
 *   test tests/unit/train/test_block_train.c */
#ifndef VQ_TRAIN_BLOCK_TRAIN_H
#define VQ_TRAIN_BLOCK_TRAIN_H

#include "calib/calibrate.h"
#include "quant/round/learn.h"

typedef struct vq_train_linear {
    const char *name; /* module */
    const float *w;   /* [n][k] what q was rounded from, columns in q's order */
    vq_qtensor
        *q; /* in: the start; out: the best state. The linear that exec sees has these rows */
    vq_qtensor
        *stored; /* ARC: q augmented, which exec sees then; kept in step. NULL: exec sees q */
} vq_train_linear;

typedef struct vq_block_train_job {
    const vq_exec
        *exec; /* the block as quantized so far, over a source that serves the linears' q; hook is
               * not called */
    vq_calib *inputs; /* current activations: inputs of the block */
    vq_calib
        *targets; /* current activations: outputs of the original block; the same as inputs: those
                  * that it holds ahead */
    int layer;
    const vq_train_linear *linears;
    int count;
    const vq_learn_options *options;
    const float
        *metric; /* [hidden][hidden] symmetric, error of a token = e^T metric e; NULL: |e|^2. With
                 * output curvature at hand (curvature kronecker) that of the block's last linear:
                 * vq_block_metric */
    bool
        bf16; /* matrix products of steps take inputs rounded to bf16: what a model stored so is run
               * with */
    uint64_t seed;
    const vq_reporter *reporter;
    vq_arena *scratch;  /* rewound */
    double first, best; /* out: mean error per held-out token at the start and of what was kept */
} vq_block_train_job;

/* vq_block_train -- VQ_E_LIMIT: vq_block_train_bytes are not left. VQ_E_NUMERIC: not finite, with
 * its place. VQ_E_STOPPED between steps: the linears then hold some state on the way. Same bytes
 * for every thread count. source arXiv 2309.05516 */
vq_status vq_block_train(vq_block_train_job *job, vq_err *e);
/* vq_block_train_looks -- tokens that are run forwards to judge states, of `tokens` samples in all.
 */
int64_t vq_block_train_looks(int64_t tokens);
/* vq_block_train_bytes -- scratch that it takes, without that of exec. */
size_t vq_block_train_bytes(const vq_graph *g, int layer, const vq_num *num,
                            const vq_learn_options *o, int64_t length);

#endif
