/* step_statistics.c -- opens the user's statistics: made from this model, and all that the plan
 * needs. */
#include <string.h>

#include "run/block/run_scope.h"
#include "run/origin.h"

/* A run that follows the quantized model gathers statistics of inputs itself: only those of
 * gradients must be in the file. */
static vq_status check(const vq_run *r, vq_err *e)
{
    vq_stats_origin want = vq_origin_of(r->plan, NULL, r->request->model_sha);
    if (r->schedule->quantized) want.needs &= VQ_NEED_GRADIENT;
    return vq_stats_check_origin(&r->statistics.file.origin, &want, false, r->request->statistics,
                                 e);
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    (void)b;
    const vq_stats_file *f = &r->statistics.file;
    vq_calibrated *c = r->calibrated;
    VQ_TRY(
        vq_stats_load(&r->statistics.file, r->request->statistics, r->models.graph, r->arena, e));
    r->statistics.open = true;
    memcpy(c->statistics, f->sha256, sizeof c->statistics);
    VQ_TRY(check(r, e));
    if (!c->samples) {
        c->kind = "statistics";
        c->samples = f->origin.samples;
        c->seqlen = f->origin.seqlen;
        memcpy(c->sha256, f->origin.data, sizeof c->sha256);
    }
    return vq_made_note(r->request->made_from, VQ_MADE_STATISTICS, c->statistics, r->arena, e);
}

const vq_step_kind vq_step_statistics = {
    .name = "statistics",
    .doc = "the statistics file made before, checked",
    .run = run,
};
