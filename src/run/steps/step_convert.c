/* step_convert.c -- a plan that needs neither statistics nor transforms: every weight straight into
 * the final files. */
#include "plan/cost/budget.h"
#include "run/block/run_scope.h"

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    (void)b;
    return vq_rounding_all(r->rounding.out, r->plan, r->request->dir, r->job, r->request->budget,
                           r->arena, e);
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)job, (void)layer;
    return (vq_step_bytes){.most = vq_plan_round_bytes(s->plan)};
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)job, (void)layer;
    vq_cost_add_rounding(&cost[VQ_STAGE_ROUNDING], s->plan, 0, true);
    vq_cost_add_files(&cost[VQ_STAGE_FILES], s->plan);
}

const vq_step_kind vq_step_convert = {
    .name = "convert",
    .doc = "every weight rounded straight into the final files",
    .run = run,
    .bytes = bytes,
    .cost = cost,
};
