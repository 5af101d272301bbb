/* step_embed.c -- the activations of the samples in front of the first block. */
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"

static unsigned forward(const vq_plan *p)
{
    return p->needs & ~(unsigned)VQ_NEED_GRADIENT;
}

/* Training aims at outputs of the original model. Where blocks see quantized inputs, the original
 * activations travel beside them. */
static bool needs_original(const vq_schedule *s)
{
    return s->trains && s->quantized;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    vq_run_activations *a = &r->activations;
    const vq_samples *samples = &r->samples.samples;
    vq_calib_options o =
        vq_calibration_options(r->plan, r->job, forward(r->plan), r->request->work);
    o.ahead = r->schedule->two_sided;
    VQ_TRY(vq_block_begin(r, b, VQ_OUTSIDE, e)); /* the embedding is run with its edits */
    VQ_TRY(vq_calib_begin(&a->current, &r->models.current, samples, &o, &r->job->reporter, r->arena,
                          e));
    if (!needs_original(r->schedule)) return VQ_OK;
    return vq_calib_begin(&a->original, &r->models.original, samples, &o, &r->job->reporter,
                          r->arena, e);
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const uint64_t sets = s->two_sided || needs_original(s) ? 2 : 1;
    return (vq_step_bytes){.stays = sets * vq_activation_bytes(s->plan, job, forward(s->plan))};
}

const vq_step_kind vq_step_embed = {
    .name = "embed",
    .doc = "activations of the samples in front of the first block",
    .run = run,
    .bytes = bytes,
};
