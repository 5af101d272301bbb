/* step_load.c -- statistics of a block out of a file: the user's, or the one that the gradients step
 * left for this block. */
#include "calib/stats/stats_part.h"
#include "calib/unseen.h"
#include "run/block/block_scope.h"

static vq_status open_file(vq_run *r, vq_block *b, vq_err *e)
{
    if (r->schedule->given.statistics) return VQ_OK; /* one file for all blocks, open already */
    const char *path = vq_run_layer_file(r, b->layer, &b->arena, e);
    if (!path) return e->status;
    const vq_status s = vq_stats_load(&r->statistics.file, path, r->models.graph, &b->arena, e);
    if (s == VQ_E_INPUT) /* what a reader of files in general would advise does not help here */
        return vq_fail(e, s, "%s: not the statistics that the run wrote; start anew with --force",
                       path);
    VQ_TRY(s);
    r->statistics.open = true;
    return VQ_OK;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    VQ_TRY(open_file(r, b, e));
    VQ_TRY(vq_block_new_stats(r, b, e));
    for (int i = 0; i < b->nstats; i++) {
        b->stats[i] = r->statistics.file.stats[b->layer][i];
        vq_stats_keep(&b->stats[i], r->plan->needs);
    }
    (void)vq_unseen_warn(&r->job->reporter, b->layer, b->stats, b->nstats);
    return VQ_OK;
}

const vq_step_kind vq_step_load = {
    .name = "load",
    .doc = "statistics of the block from a file",
    .run = run,
};
