/* model_job.h -- what a transform of scope MODEL works on: names of everything along the residual
 * stream and around the heads, as the graph walk found them (run fills them in, quant never sees
 * the graph), and the edits that it makes of them. test tests/unit/edit/test_model_edits.c,
 * tests/golden/test_golden_ksort.c */
#ifndef VQ_QUANT_MODEL_JOB_H
#define VQ_QUANT_MODEL_JOB_H

#include <stdbool.h>

#include "base/exchange/edit.h"
#include "base/option.h"
#include "quant/transform.h"

/* A linear (module) or norm (tensor). Names borrowed. */
typedef struct vq_residual_linear {
    const char *module;
    const char *norm; /* readers: tensor of the norm before it, NULL none */
    int64_t n;        /* output channels */
    bool tied;        /* it is the embedding's matrix read once more */
} vq_residual_linear;

typedef struct vq_residual_site {
    int64_t width;
    const char *embedding; /* tensor [vocab][width] */
    const char *const *norms;
    int nnorms;
    const vq_residual_linear *writers, *readers;
    int nwriters, nreaders;
    const double *absmax,
        *square; /* [width] over the readers' inputs: sum of largest magnitudes, sum of squares;
                  * NULL: not asked for */
} vq_residual_site;

typedef struct vq_row_range {
    int64_t first, of; /* rows from `first` on, of a matrix of `of` rows; of 0: the whole matrix */
} vq_row_range;

typedef struct vq_heads_site {
    int layer;
    const char *q, *k, *v; /* modules, which may be one */
    vq_row_range q_rows, k_rows, v_rows;
    const char *q_norm, *k_norm; /* tensors [head_dim], NULL none */
    bool whole_norms;            /* they are over all heads: [heads * head_dim] and so on */
    const char *const *outputs;  /* modules that read the heads */
    int noutputs;
    int64_t heads, kv_heads, head_dim;
    bool rope;
    int64_t turned_first,
        turned; /* channels of each head that rope turns in pairs; turned 0: all */
} vq_heads_site;

/* vq_load -- a tensor as it stands: [rows][cols] f32 (a vector: cols 1) in the job's scratch.
 * VQ_E_INPUT: no such tensor. */
typedef vq_status (*vq_load)(void *ctx, const char *tensor, float **w, int64_t *rows, int64_t *cols,
                             vq_err *e);

struct vq_model_job {
    const vq_option_set *options;
    const vq_residual_site *stream;
    const char *no_stream;      /* why the stream of this model cannot be changed; NULL: it can */
    const vq_heads_site *heads; /* one per attention that can be changed, in order of layers */
    int nheads;
    vq_load load;
    bool (*has)(void *ctx, const char *tensor);
    void *ctx;
    vq_arena *scratch;
    vq_edits *edits; /* out: appended; what they point to is in its arena */
    bool untie; /* out: the tied readers get a matrix of their own, MODULE.weight, a copy of the
                * embedding before these edits */
    int32_t *
        *orders; /* out, [nheads]: channel order of the keys of each kv head, [kv_heads][head_dim]
                 * with the rope turned by the original channel, NULL as it was; itself NULL: this
                 * transform orders no heads */
};

/* vq_add_edit -- one edit of tensor "MODULE.SUFFIX", the name made in the edits' arena; suffix
 * NULL: of tensor `name` itself, which is borrowed. VQ_E_LIMIT. */
vq_status vq_add_edit(vq_edits *s, const char *name, const char *suffix, vq_edit d, vq_err *e);
/* vq_add_row_edit -- the same for the rows of a linear: weight and bias. vq_add_range_edit -- for
 * d.n of its rows. */
vq_status vq_add_row_edit(vq_edits *s, const char *module, vq_edit d, vq_err *e);
vq_status vq_add_range_edit(vq_edits *s, const char *module, vq_row_range rows, vq_edit d,
                            vq_err *e);
/* vq_need_stream -- VQ_E_INPUT: why it cannot be changed. */
vq_status vq_need_stream(const vq_model_job *job, vq_err *e);

/* K-sort orders of the channels of one head. norms [d]: of the rows of W_k, or the k-norm's
 * weights.
 *   free         ascending, stable
 *   pairs        pairs (i, i + d/2) by joint norm, written (p, p + d/2): half-split rope with
 *                the frequencies in the same order
 *   interleaved  pairs by joint norm, adjacent
 * source arXiv 2403.20137; spec 4; test tests/golden/test_golden_ksort.c */
typedef enum vq_ksort_mode { VQ_KSORT_FREE, VQ_KSORT_PAIRS, VQ_KSORT_INTERLEAVED } vq_ksort_mode;
vq_status vq_ksort_order(vq_ksort_mode mode, const float *norms, int64_t d, int32_t *order,
                         vq_arena *scratch, vq_err *e);
/* vq_row_norms -- Euclidean norms of rows of w [n][k], the bias (NULL: none) as one more column. */
void vq_row_norms(const float *w, const float *bias, int64_t n, int64_t k, float *norms);

#endif
