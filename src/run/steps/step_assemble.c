/* step_assemble.c -- the final files, put together from the sections and the tensors of the model
 * that stay as they are. */
#include "plan/cost/budget.h"
#include "run/block/run_scope.h"

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    (void)b;
    return vq_written_assemble(&r->written, r->plan, r->job, r->tuned, r->request->dir, r->arena,
                               e);
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)job, (void)layer;
    vq_cost_add_files(&cost[VQ_STAGE_FILES], s->plan);
}

const vq_step_kind vq_step_assemble = {
    .name = "assemble",
    .doc = "the final files from the sections",
    .run = run,
    .cost = cost,
};
