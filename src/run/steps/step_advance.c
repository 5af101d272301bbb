/* step_advance.c -- the activations become those behind the block: of what was written of it, or of
 * the original. */
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"

/* The block's edits are dropped first: where blocks see their quantized predecessors the outputs
 * come from what was written. Otherwise they come from the original with only the edits of the
 * whole model, which are applied again. */
static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    VQ_TRY(vq_block_empty(r, b, e));
    if (!r->schedule->quantized) VQ_TRY(vq_block_apply(r, b, e));
    return vq_calib_advance(r->activations.current, b->layer, e);
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_exec x = vq_model_exec(s->plan->model, job, NULL, false);
    const vq_batch b = vq_calibration_batch(s->plan);
    return (vq_step_bytes){.most = vq_exec_bytes(&x, &b)};
}

/* When the gather step has made the outputs already they only change places, which costs nothing.
 */
static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    const vq_pass_shape shape = vq_sweep_shape(s->plan, job, 0);
    if (s->quantized || !s->gathers) vq_cost_add_block(&cost[VQ_STAGE_STATISTICS], &shape, layer);
}

const vq_step_kind vq_step_advance = {
    .name = "advance",
    .doc = "activations move behind the block",
    .run = run,
    .restore = run,
    .bytes = bytes,
    .cost = cost,
};
