/* transform.h -- transforms: change weights, inputs or layout before rounding. One file and one
 * line in the table each.
 *
 * A transform of scope GROUP decides a vq_input_map for linears that share an input; run turns it
 * into edits of the weights (base/edit.h), folded into the producer where it can absorb them, and
 * into what the runtime does to the input (ARC's gather, an online Hadamard). A transform of scope
 * MODEL edits what lies along the residual stream or inside attention heads (rotate, ksort, order);
 * run hands it the sites that the graph walk found. */
#ifndef VQ_QUANT_TRANSFORM_H
#define VQ_QUANT_TRANSFORM_H

#include "base/exchange/edit.h"
#include "base/exchange/stats.h"
#include "base/num/qtensor.h"
#include "base/option.h"
#include "kernels/kernels.h"

/* What happens to the input of a group: x' = hadamard(gather(x / scale)), then quantized, the last
 * s channels with residuals. Weights get the inverse on their columns. Arrays in the job's arena.
 */
typedef struct vq_input_map {
    float *scale;     /* [k] > 0, NULL: ones. Always folded into the producer */
    int32_t *order;   /* [k] gather of input channels, NULL: as it is */
    int64_t hadamard; /* block of the rotation, 0: none */
    int64_t s;        /* the last s channels are appended as residuals (ARC) */
    bool fold_order,
        fold_hadamard; /* true: the producer absorbs it; false: the runtime does it to the input */
} vq_input_map;

/* What can absorb changes of the group's input. */
typedef enum vq_producer_kind {
    VQ_PRODUCER_NONE,
    VQ_PRODUCER_NORM,   /* a norm's weight: scales only */
    VQ_PRODUCER_ROWS,   /* a linear's rows (and, behind silu_mul, those of its gate for gathers):
                       * scales, gathers */
    VQ_PRODUCER_VALUES, /* the rows of v behind attention: scales, gathers and Hadamards inside a
                         * head; kv_heads < heads share rows */
} vq_producer_kind;
typedef struct vq_producer {
    vq_producer_kind kind;
    int64_t heads, kv_heads, head_dim; /* VALUES */
} vq_producer;
/* vq_producer_row -- the row of the producer that makes channel i. Channels of query heads that
 * share a key/value head share its rows: what a transform does to one it does to all of them. */
static inline int64_t vq_producer_row(const vq_producer *p, int64_t i)
{
    if (p->kind != VQ_PRODUCER_VALUES) return i;
    return i / p->head_dim / (p->heads / p->kv_heads) * p->head_dim + i % p->head_dim;
}
/* vq_producer_fits -- VQ_E_BUG when the heads do not make up k channels. */
vq_status vq_producer_fits(const vq_producer *p, int64_t k, vq_err *e);
/* vq_producer_share -- x [k] per channel in place: the maximum (sum: the sum) over the channels
 * that share a row of the producer. f64, fixed order. scratch: k numbers, given back. VQ_E_BUG:
 * vq_producer_fits; VQ_E_LIMIT. */
vq_status vq_producer_share(const vq_producer *p, double *x, int64_t k, bool sum, vq_arena *scratch,
                            vq_err *e);

/* A linear of the group as it stands (edits of earlier passes applied). */
typedef struct vq_consumer {
    const char *name;
    const float *w; /* [n][k] */
    int64_t n;
    const vq_scheme *scheme;
    vq_global_scale global_scale; /* second-level scale of the fused group, of w as it stands */
} vq_consumer;

/* vq_trial -- mean squared error of the output of the group's parent (attention, MLP) over the
 * samples when the consumers' weights are `w` (one [n][k] per consumer, meant for the input as it
 * stands), against the outputs with the weights as they stand. */
typedef vq_status (*vq_trial)(void *ctx, const float *const *w, double *mse, vq_err *e);

typedef struct vq_transform_job {
    const vq_kernels *kernels;
    const vq_option_set *options;
    const vq_stats *stats;   /* of the input as it stands (earlier passes mapped) */
    const vq_scheme *scheme; /* of the first consumer */
    const vq_consumer *consumers;
    int nconsumers;
    vq_producer producer;
    vq_trial trial; /* NULL: not asked for (trials of the transform NULL) */
    void *trial_ctx;
    vq_dtype arith;
    vq_arena *arena; /* of the map */
    vq_arena *scratch;
    vq_input_map map; /* out */
} vq_transform_job;

typedef struct vq_model_job vq_model_job; /* quant/model_job.h */

typedef enum vq_scope { VQ_SCOPE_GROUP, VQ_SCOPE_MODEL } vq_scope;

typedef struct vq_transform {
    const char *name, *doc, *source;
    const vq_option *options;
    vq_scope scope;
    int64_t (*trials)(
        const vq_option_set
            *options); /* how often it calls job->trial for a group, which keeps the block's samples
                       * at hand; NULL: never */
    bool weights;      /* wants job->consumers' weights */
    bool
        at_run_time; /* leaves something to the runtime: no other transform of the input comes after
                      * it */
    unsigned loses;  /* vq_need bits that vq_stats_map does not carry over its maps */
    bool folds;      /* changes values of weights, which then stand in f32 beside the stored ones */
    /* augments -- appends residual channels to the input and the weights (map.s): at most so many to k
     * channels. NULL: it does not. */
    int64_t (*augments)(const vq_option_set *options, const vq_scheme *s, int64_t k);
    bool unties;      /* gives a tied lm_head a matrix of its own */
    bool orders_keys; /* reorders the channels of keys, which rope must be told */
    unsigned (*needs)(const vq_option_set *options); /* vq_need bits; NULL: none */
    /* applies -- does this scheme take the transform? VQ_E_RECIPE says why not. NULL: any does. */
    vq_status (*applies)(const vq_option_set *options, const vq_scheme *s, int64_t k, vq_err *e);
    vq_status (*run)(vq_transform_job *job,
                     vq_err *e); /* GROUP. A map of all defaults: nothing to do for this group */
    /* takes_model -- MODEL: what can be said without weights and statistics: VQ_E_RECIPE or VQ_E_INPUT
     * says why this model cannot take it; NULL: any does. job: load, has and edits are not there */
    vq_status (*takes_model)(const vq_model_job *job, vq_err *e);
    bool (*changes_stream)(const vq_option_set *options); /* MODEL; NULL: no */
    vq_status (*run_model)(
        vq_model_job *job,
        vq_err *
            e); /* MODEL, after takes_model. needs: of the readers of the stream, before any edit */
} vq_transform;

extern const vq_transform vq_transform_arc, vq_transform_smooth, vq_transform_awq,
    vq_transform_hadamard, vq_transform_order;
extern const vq_transform vq_transform_rotate, vq_transform_ksort, vq_transform_stream_order;

/* vq_transform_find, vq_transform_at -- static entries of the registry by name or place; NULL: no
 * such one. */
const vq_transform *vq_transform_find(const char *name);
const vq_transform *vq_transform_at(int i);

/* vq_stats_map -- statistics of the input after `map`, exactly: Hessians, Fisher factors and ranges
 * under scale and order; Hessians and Fisher factors under hadamard (ranges, sums of |x|, tails and
 * histograms are then gone: *lost gets their need bits). Arrays that change are new, from the
 * arena; the others are borrowed from `in`. test tests/unit/quant/test_stats_map.c */
vq_status vq_stats_map(const vq_stats *in, const vq_input_map *map, vq_stats *out, unsigned *lost,
                       vq_arena *a, vq_err *e);

/* Rows [first, first + n) of a linear: all of them, or those of a part of a fused matrix. */
typedef struct vq_row_part {
    int64_t first, n;
} vq_row_part;

/* vq_output_map -- c->output as it is after these rows of the linear absorbed `map` of the input
 * that they make: y' = gather(y / scale), rotated; the other rows stay. VALUES: the channels of the
 * first query head of each kv head count. New array from a. test tests/unit/quant/test_stats_map.c,
 * tests/families/test_folds.c */
vq_status vq_output_map(vq_curvature *c, const vq_row_part *part, const vq_input_map *map,
                        const vq_producer *p, vq_arena *a, vq_err *e);

/* vq_arc_order -- ascending, stable order of absmax [k] into order [k]: outliers last. VQ_E_LIMIT:
 * scratch (8 k bytes, given back). source arXiv 2601.07475, ARCQuant 347a6c8 utilize.py */
vq_status vq_arc_order(const float *absmax, int64_t k, int32_t *order, vq_arena *scratch,
                       vq_err *e);
/* vq_arc_count_official -- S = 64 * ceil(k * ratio / 64), at most k, ratio = tail_count / (tokens *
 * k). */
int64_t vq_arc_count_official(const vq_stats *s);
/* vq_arc_count_paper -- channels with absmax > max/8, rounded up to 16, at most k. absmax must be
 * gathered. */
int64_t vq_arc_count_paper(const vq_stats *s);
/* vq_arc_augment -- canonical q [rows][k] (already in order) -> out [rows][k + s] from a: blocks P0
 * .. P(n-s-1) then P R P R ..., R a copy of codes, scale and zero point. VQ_E_BUG: blocks are not 1
 * x n, or s is not a multiple of their width. */
vq_status vq_arc_augment(const vq_qtensor *q, int64_t s, vq_qtensor *out, vq_arena *a, vq_err *e);

#endif
