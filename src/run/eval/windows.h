/* windows.h -- a text of an evaluation, cut into the windows that run (docs/cli.md, Perplexity). test
 * tests/cli/eval.sh */
#ifndef VQ_RUN_EVAL_WINDOWS_H
#define VQ_RUN_EVAL_WINDOWS_H

#include "load/model.h"
#include "run/run.h"

typedef struct vq_windows {
    const char *path;
    vq_ids ids;
    int64_t bos;            /* first token of every window; -1: none */
    int64_t window, stride; /* tokens of one; from the start of one to that of the next */
    int64_t length;         /* of one that are fed, and predicted: window - 1 */
    int64_t count, chunk;   /* of all; of those that run at a time */
} vq_windows;

/* vq_windows_read -- the file t->path as tokens of m, cut into windows of t->window tokens. VQ_E_INPUT:
 * it does not fill one. */
vq_status vq_windows_read(vq_windows *t, const vq_model *m, const vq_eval_options *o,
                          const vq_reporter *w, vq_arena *a, vq_err *e);
/* vq_windows_fit -- VQ_E_INPUT: another model makes other tokens of the file. Rewinds a. */
vq_status vq_windows_fit(const vq_windows *t, const vq_model *other, const vq_eval_options *o,
                         const vq_reporter *w, vq_arena *a, vq_err *e);
/* vq_windows_fill -- n windows from w0 on -> input and target, [n][length] each. */
void vq_windows_fill(const vq_windows *t, int64_t w0, int64_t n, int32_t *input, int32_t *target);

#endif
