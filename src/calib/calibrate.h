/* calibrate.h -- one sweep over the samples, block by block, that gathers the statistics a recipe's passes need. The blocks see what the
 * original model computes. Activations between blocks live in a spool: in memory up to the limit, in a file beyond it. test
 * tests/unit/test_calibrate.c */
#ifndef VQ_CALIB_CALIBRATE_H
#define VQ_CALIB_CALIBRATE_H

#include "base/stats.h"
#include "base/watch.h"
#include "model/exec.h"

typedef struct vq_samples {
    const int32_t *ids; /* [count][length] */
    int64_t count, length;
} vq_samples;

/* vq_calib -- a sweep under way: begin embeds the samples; each block call runs one block over all samples, filling the statistics of its
 * groups. */
typedef struct vq_calib vq_calib;
typedef struct vq_calib_options {
    unsigned needs;         /* vq_need bits */
    const char *spool_path; /* existing folder for the spool beyond the limit; its file has no name, so nothing can be left behind */
    size_t spool_bytes;     /* activations kept in memory at most this many bytes */
    int64_t batch_tokens;   /* tokens per forward call; whole samples, at least one */
} vq_calib_options;
/* vq_calib_begin -- x, s and what they point at are borrowed until vq_calib_end; x->hook is not called. Memory from a.
 *   VQ_E_INPUT: an id outside the vocabulary. VQ_E_LIMIT: no memory or disk space for the spool. */
vq_status vq_calib_begin(vq_calib **c, const vq_exec *x, const vq_samples *s, const vq_calib_options *o, const vq_watch *w, vq_arena *a,
                         vq_err *e);
/* vq_calib_block -- blocks in order, each once. stats: one entry per group of the block in vq_graph_groups order; arrays from `out`, which
 * the caller rewinds. Same statistics for every thread count and spool. VQ_E_STOPPED between batches when the watch says so. */
vq_status vq_calib_block(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out, vq_err *e);
/* vq_calib_end -- close the spool; c may be NULL. */
void vq_calib_end(vq_calib *c);

/* vq_calib_self -- samples of the model's own text: sampled at temperature 1 from a start token, with random numbers of (seed, sample,
 * position); count and length are set by the caller, ids [count][length] from a. test tests/unit/test_self_text.c */
vq_status vq_calib_self(const vq_exec *x, int64_t start, uint64_t seed, vq_samples *out, const vq_watch *w, vq_arena *a, vq_err *e);

#endif
