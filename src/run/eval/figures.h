/* figures.h -- means of windows, and what they say of a model on a text. test
 * tests/model/test_tiny_perplexity.sh, tests/cli/eval.sh */
#ifndef VQ_RUN_EVAL_FIGURES_H
#define VQ_RUN_EVAL_FIGURES_H

#include "run/eval/windows.h"

/* Of the predicted tokens of each window [windows]; ref, kl, agree: with a reference. */
typedef struct vq_window_means {
    double *nll, *ref, *kl, *agree;
} vq_window_means;

/* vq_eval_figures -- the row of a model; borrows the means. */
vq_eval_row vq_eval_figures(const char *model, const vq_windows *t, const vq_window_means *m,
                            bool paired);

#endif
