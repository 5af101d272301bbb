/* step_statistics.c -- opens the user's statistics: made from this model, and all that the plan
 * needs. */
#include <string.h>

#include "run/block/run_scope.h"
#include "run/origin.h"

/* Samples that the run has beside the statistics should be those that the file was made from; of a merged
 * file that cannot be told. */
static void compare_samples(const vq_run *r, const vq_stats_origin *o)
{
    const char *ids = r->request->made_from->of[VQ_MADE_DATA]; /* step_text.c */
    if (o->nparts == 0 && strcmp(ids, o->data) != 0)
        vq_warn(&r->job->reporter, "other-samples", r->request->statistics,
                "made from other samples than those that the recipe runs through the model beside "
                "them; give the same --data and calib settings");
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
    VQ_TRY(vq_origin_serves(f, r->plan, r->schedule->quantized, r->request->model_sha,
                            r->request->statistics, e));
    if (!c->samples) {
        c->kind = "statistics";
        c->samples = f->origin.samples;
        c->seqlen = f->origin.seqlen;
        memcpy(c->sha256, f->origin.data, sizeof c->sha256);
    } else {
        compare_samples(r, &f->origin);
    }
    return vq_made_note(r->request->made_from, VQ_MADE_STATISTICS, c->statistics, r->arena, e);
}

const vq_step_kind vq_step_statistics = {
    .name = "statistics",
    .doc = "the statistics file made before, checked",
    .run = run,
};
