/* tune.h -- end-to-end distillation of what costs no bits: KL(original || quantized) goes down by
 * norm weights, biases and one factor per second-level scale; codes and block scales stay. Adam;
 * the state with the least KL on held-out samples is kept, so the result is never
 * worse on them than the start.        test tests/unit/train/test_tune.c */
#ifndef VQ_TRAIN_TUNE_H
#define VQ_TRAIN_TUNE_H

#include "calib/calibrate.h"
#include "train/tuned_source.h"

typedef struct vq_tune_job {
    const vq_exec
        *student; /* the quantized model: its source serves every layer; hook is not called */
    const vq_exec *teacher; /* the original; its arena may be the student's */
    const vq_samples *samples;
    const vq_tune_options *options;
    bool bf16; /* steps round the inputs of the student's products to bf16 (vq_bf16_take); what is
               * measured does not */
    uint64_t seed;
    const char
        *spool_path; /* existing folder: what the teacher's blocks made of the samples lies there
                     * beyond spool_bytes of memory */
    size_t spool_bytes;
    const vq_reporter *reporter;
    vq_arena *out;      /* of the results */
    vq_arena *scratch;  /* rewound */
    double first, best; /* out: KL per held-out token, in nats, at the start and of the result */
    int64_t held;       /* out: held-out tokens */
} vq_tune_job;

/* vq_tune_run -- the result as a source in t (whose `served` values are the best ones): vectors by
 * name, factors by node. To store: each vector of t->vectors is t->served[first, first + n), each
 * linear's second-level scale becomes vq_tune_global_scale. When nothing was better than the start
 * all values are those of the start. The teacher runs once over each sample that is met.
 *   VQ_E_RECIPE: nothing to tune (vq_plan_make says it before). VQ_E_LIMIT, VQ_E_NUMERIC,
 *   VQ_E_STOPPED.
 * Same bytes for every thread count. */
vq_status vq_tune_run(vq_tune_job *job, vq_tuned_source *t, vq_err *e);
/* vq_tune_global_scale -- the second-level scale of the linear at node `id` after tuning: `before`
 * times its factor, as it is when there is none. */
vq_global_scale vq_tune_global_scale(const vq_tuned_source *t, int id, vq_global_scale before);
/* vq_tune_bytes -- bytes of scratch of a run over `samples` samples of `length` tokens and of x's
 * passes in it (both executors share one arena, the teacher is no larger than x), without the
 * spool. */
size_t vq_tune_bytes(const vq_exec *x, const vq_tune_options *o, int64_t samples, int64_t length);

/* vq_tune_gradient -- KL(teacher || student) in nats, summed over the tokens of a batch of ids
 * [tokens], into kl, and d KL / d p into g [t->count]. taught [tokens][hidden]: the teacher's
 * activations behind its last block. h: (layers + 2) x tokens x hidden floats of scratch. Public
 * for tests by finite differences. */
vq_status vq_tune_gradient(const vq_tune_job *job, const vq_tuned_source *t, const vq_batch *b,
                           const int32_t *ids, const float *taught, float *h, float *g, double *kl,
                           vq_err *e);

#endif
