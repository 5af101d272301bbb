/* mse_search.h -- for every group the range that loses least, as peers search for it. Used by the
 * rounders mse and gptq; our own search is scale_search.h. */
#ifndef VQ_QUANT_SEARCH_MSE_SEARCH_H
#define VQ_QUANT_SEARCH_MSE_SEARCH_H

#include "quant/rounder.h"

enum { VQ_MSE_MAX_STEPS = 128 };

/* A way to search: step 0, 1, ... of every group of a matrix, until `steps` or until `patience`
 * steps in a row improved no group. */
typedef struct vq_mse_search {
    int steps;                 /* at most VQ_MSE_MAX_STEPS */
    int patience;              /* 0: none */
    double power;              /* error = sum |w - w^|^power */
    float base;                /* on the group's range, before the factor; 0: 1 */
    float (*factor)(int step); /* step -> factor on the range */
    bool before_exponent; /* judge every scale as f32, before it becomes a code; else only those
                          * under a second-level scale */
} vq_mse_search;

/* vq_mse_choose -- best[groups of q]: the step of each group with the least error; the first of
 * equals. w [rows][cols] finite. Needs about 16 bytes of scratch per column and thread; same result
 * for every thread count. VQ_E_RECIPE: grids of more than 8 bits. VQ_E_LIMIT.
 *  test tests/golden/test_golden_mse.c */
vq_status vq_mse_choose(vq_round_job *job, const vq_mse_search *s, const float *w,
                        const vq_qtensor *q, uint8_t *best, vq_err *e);
/* vq_mse_apply -- scales, zero points and codes of q for the chosen steps best [groups];
 * job->signal, job->noise. Errors as vq_mse_choose. */
vq_status vq_mse_apply(vq_round_job *job, const vq_mse_search *s, const float *w, vq_qtensor *q,
                       const uint8_t *best, vq_err *e);
/* vq_mse_named -- "memoryless" and "expanded" of llm-compressor, "fp-quant"; NULL: no such search.
 */
const vq_mse_search *vq_mse_named(const char *name);

#endif
