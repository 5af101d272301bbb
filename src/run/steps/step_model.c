/* step_model.c -- transforms of the whole model (rotations, orders): before anything is gathered, so
 * that all statistics are those of the model as they leave it. */
#include "edit/edited.h"
#include "plan/cost/budget.h"
#include "run/block/run_scope.h"

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    vq_run_models *m = &r->models;
    const vq_exec stored = vq_model_exec(r->plan->model, r->job, &r->scratch, false);
    const vq_calib_options o =
        vq_calibration_options(r->plan, r->job, r->plan->needs, r->request->work);
    VQ_TRY(vq_model_passes_run(&m->edits, r->plan, &stored, &r->samples.samples, &o,
                               &r->job->reporter, &b->arena, e));
    r->rounding.out->untied = m->edits.untied;
    const vq_edited d = {&m->edits.graph, &r->plan->model->checkpoint.source, &r->job->kernels,
                         &m->edits.edits};
    VQ_TRY(vq_edited_source_init(&m->edited, &d, r->arena, e));
    m->original.source = &m->edited.source;
    m->graph = m->current.graph = m->original.graph = &m->edits.graph;
    return VQ_OK;
}

const vq_step_kind vq_step_model = {
    .name = "model",
    .doc = "transforms of the whole model, each checked to keep the logits",
    .run = run,
};
