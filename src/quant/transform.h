/* transform.h -- transforms: change weights, inputs or layout before rounding. One file and one line in the table each. */
#ifndef VQ_QUANT_TRANSFORM_H
#define VQ_QUANT_TRANSFORM_H

#include "base/option.h"
#include "base/qtensor.h"
#include "base/stats.h"

/* What a transform decides for one group of linears that share an input. Arrays in the job's arena. */
typedef struct vq_input_map {
    int32_t *order; /* [k] gather of input channels, NULL: as it is */
    int64_t s;      /* the last s channels are appended as residuals */
} vq_input_map;

typedef struct vq_transform_job {
    const vq_option_set *options;
    const vq_stats *stats;
    const vq_scheme *scheme;
    vq_arena *arena;
    vq_input_map map; /* out */
} vq_transform_job;

typedef struct vq_transform {
    const char *name, *doc, *source;
    const vq_option *options;
    unsigned needs;
    /* applies -- does this scheme take the transform? VQ_E_RECIPE says why not. */
    vq_status (*applies)(const vq_scheme *s, int64_t k, vq_err *e);
    vq_status (*run)(vq_transform_job *job, vq_err *e);
} vq_transform;

extern const vq_transform vq_transform_arc;

const vq_transform *vq_transform_find(const char *name);
const vq_transform *vq_transform_at(int i);

/* vq_arc_order -- ascending, stable order of absmax [k] into order [k]: outliers last. source arXiv 2601.07475, ARCQuant 347a6c8 utilize.py
 */
vq_status vq_arc_order(const float *absmax, int64_t k, int32_t *order, vq_arena *scratch, vq_err *e);
/* vq_arc_count_official -- S = 64 * ceil(k * ratio / 64), at most k, ratio = tail_count / (tokens * k). */
int64_t vq_arc_count_official(const vq_stats *s);
/* vq_arc_count_paper -- channels with absmax > max/8, rounded up to 16, at most k. */
int64_t vq_arc_count_paper(const vq_stats *s);
/* vq_arc_augment -- canonical q [rows][k] (already in order) -> out [rows][k + s]: groups of 16 P0 .. P(n-s-1) then P R P R ..., R a copy
 * of codes and scale. */
vq_status vq_arc_augment(const vq_qtensor *q, int64_t s, vq_qtensor *out, vq_arena *a, vq_err *e);

#endif
