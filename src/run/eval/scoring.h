/* scoring.h -- per-token log-likelihoods of a chunk of rows, walking the vocabulary in tiles: all
 * logits are never held. test tests/unit/run/test_scoring.c (against the plain definition in
 * f64) */
#ifndef VQ_RUN_EVAL_SCORING_H
#define VQ_RUN_EVAL_SCORING_H

#include "model/exec/exec.h"

typedef struct vq_row_score {
    double lse;    /* log sum exp of the logits */
    double target; /* logit of the target */
    float best;    /* largest logit and its id */
    int32_t best_id;
} vq_row_score;

typedef struct vq_pair_score {
    double kl; /* KL(ref || model), nats */
} vq_pair_score;

/* vq_likelihood -- scores[rows] of model x on normed rows [rows][hidden] with targets [rows]. ref
 * (may be NULL): a second model on its own normed rows; then ref_scores and pairs are filled too.
 * Scratch from x->arena, rewound. */
vq_status vq_likelihood(const vq_exec *x, const float *normed, const vq_exec *ref,
                        const float *ref_normed, int64_t rows, const int32_t *targets,
                        vq_row_score *scores, vq_row_score *ref_scores, vq_pair_score *pairs,
                        vq_err *e);

#endif
