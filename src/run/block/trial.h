/* trial.h -- the block run with candidates for the weights of a group, for transforms that choose
 * by
 * its output (awq). test tests/unit/quant/test_awq.c */
#ifndef VQ_RUN_BLOCK_TRIAL_H
#define VQ_RUN_BLOCK_TRIAL_H

#include "run/block/run_scope.h"

#define VQ_TRIAL_TOKENS 2048 /* of the first samples: what a candidate is judged on */

typedef struct vq_block_trial {
    vq_run *run;
    vq_block *block;
    const vq_transform_job *job;
    vq_batch shape; /* from here on: vq_block_trial_open */
    const float *input;
    vq_kernels kernels;        /* with the products of a sweep */
    float *reference, *output; /* [tokens][hidden] */
} vq_block_trial;

/* vq_block_trial_open -- runs the block with the weights as they stand: what candidates are
 * compared
 * with. run, block and job are set. bf16: products as a sweep has them. From the run's scratch. */
vq_status vq_block_trial_open(vq_block_trial *t, bool bf16, vq_err *e);
/* vq_block_try -- a vq_trial of quant/transform.h, ctx a vq_block_trial. The candidate's weights
 * stay in the block's overlay until vq_block_apply. */
vq_status vq_block_try(void *ctx, const float *const *weights, double *mse, vq_err *e);

#endif
