/* sweep.h -- what the forward and the backward sweep share: samples cut into batches, and observers
 * at the inputs of a block's linears. */
#ifndef VQ_CALIB_SWEEP_H
#define VQ_CALIB_SWEEP_H

#include "base/exchange/stats.h"
#include "base/reporter.h"
#include "calib/coverage.h"
#include "calib/curvature.h"
#include "calib/spool.h"
#include "calib/sweep_options.h"
#include "model/op/context.h"
#include "model/walk/groups.h"

typedef struct vq_sweep {
    vq_exec exec;       /* with our hook, which fills stats when there are any */
    vq_kernels kernels; /* of exec: the products as the options ask for them */
    vq_samples samples;
    unsigned needs;
    const vq_reporter *reporter;
    const vq_linear_group *groups; /* of the graph */
    int ngroups;
    const int *place, *member; /* [nodes] of linears: vq_sweep_group */
    int64_t per_batch;         /* samples */
    int64_t first;             /* sample that the batch under way begins with */
    vq_stats *stats; /* of the block under way, in the order of its groups; NULL: not gathering */
    vq_coverage *coverage; /* NULL: not asked for */
    vq_cover_sums *cover;  /* with coverage, beside stats */
} vq_sweep;

/* A batch: samples [first, first + shape.sequences). */
typedef struct vq_sweep_batch {
    vq_batch shape;
    size_t offset, count; /* floats among the activations of all samples */
    const int32_t *ids;
} vq_sweep_batch;

/* vq_sweep_init -- batches and groups; the hook and the kernels of s->exec lie in s, so s must stay
 * where it is. */
vq_status vq_sweep_init(vq_sweep *s, const vq_exec *x, const vq_samples *samples,
                        const vq_calib_options *o, const vq_reporter *w, vq_arena *a, vq_err *e);
/* vq_sweep_batches -- how many batches all samples make. */
int64_t vq_sweep_batches(const vq_sweep *s);
/* vq_sweep_at -- the i-th batch, which becomes the one under way. */
vq_sweep_batch vq_sweep_at(vq_sweep *s, int64_t i);
/* vq_sweep_floats -- floats of the activations of all samples. vq_sweep_batch_floats -- of one
 * batch at most. */
size_t vq_sweep_floats(const vq_sweep *s);
size_t vq_sweep_batch_floats(const vq_sweep *s);
/* vq_sweep_embed -- the inputs of the first block into the first floats of the spool. buffer:
 * vq_sweep_batch_floats. VQ_E_IO, VQ_E_LIMIT. */
vq_status vq_sweep_embed(vq_sweep *s, vq_spool *spool, float *buffer, vq_err *e);

/* vq_sweep_groups -- number of groups of linears in a block. */
int vq_sweep_groups(const vq_sweep *s, int layer);
/* vq_sweep_group -- place of the group among those of its block that a linear belongs to; *member:
 * its place in the group. */
int vq_sweep_group(const vq_sweep *s, int node, int *member);
/* vq_sweep_rows -- the rows of one call of a hook, sample by sample where a router chose them. Call
 * with *at = 0 until false: rows [first, first + out->samples * out->length) of x; *whole: each
 * sample begins with its first token. */
bool vq_sweep_rows(const vq_sweep *s, const vq_seen_rows *x, int64_t *at, int64_t *first,
                   vq_rows *out, bool *whole);
/* vq_sweep_open -- empty statistics for the groups of a block, which the hook fills from now on.
 * VQ_E_BUG: not nstats of them. */
vq_status vq_sweep_open(vq_sweep *s, int layer, vq_stats *stats, int nstats, vq_arena *out,
                        vq_err *e);
/* vq_sweep_end -- finish what was gathered; the hook rests. */
vq_status vq_sweep_end(vq_sweep *s, int layer, vq_err *e);

#endif
