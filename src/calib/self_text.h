/* self_text.h -- calibration text of the model's own: short texts, each with the tokens it begins
 * with, written together one position at a time. test tests/unit/calib/test_self_text.c */
#ifndef VQ_CALIB_SELF_TEXT_H
#define VQ_CALIB_SELF_TEXT_H

#include "base/reporter.h"
#include "calib/sweep_options.h"
#include "model/op/context.h"

/* Texts to write. */
typedef struct vq_self_texts {
    int64_t count, length; /* texts, tokens of each */
    int32_t *ids;          /* [count][length], the first given[i] of text i are there */
    const int64_t *given;  /* [count], each at least 1 */
    double temperature;    /* logits are divided by it */
    uint64_t seed;
    bool bf16; /* matrix products as the runtimes of a model stored in BF16 (vq_kernels.bf16) */
} vq_self_texts;

/* vq_calib_self -- writes the texts on to their full length, each token drawn from the softmax of the
 * logits. A text depends on its number, how it begins and the seed, not on the others, on batches or
 * on threads. Scratch from a, given back. VQ_E_NUMERIC: logits that are not finite; VQ_E_STOPPED when
 * w says so; VQ_E_LIMIT. */
vq_status vq_calib_self(const vq_exec *x, vq_self_texts *t, const vq_reporter *w, vq_arena *a,
                        vq_err *e);
/* vq_calib_self_bytes -- bytes it takes beside the executor's scratch: keys, values and logits of as
 * many texts as are written together. vq_calib_self_batch -- how many these are. */
size_t vq_calib_self_bytes(const vq_graph *g, const vq_self_texts *t, const vq_budget *budget);
int64_t vq_calib_self_batch(const vq_graph *g, const vq_self_texts *t, const vq_budget *budget);
/* vq_calib_self_distinct -- share of the runs of 4 tokens of a text that do not occur earlier in it,
 * 0 to 1: 1 for texts of fewer than 5 tokens. */
double vq_calib_self_distinct(const int32_t *ids, int64_t n);

#endif
