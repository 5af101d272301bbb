/* step_target.c -- what training aims at: the outputs of the block as it was, before passes change
 * its weights. */
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"

/* The outputs of the original block. Where blocks see quantized inputs, `original` holds the
 * original activations and moves on; otherwise the outputs are kept beside the inputs. */
static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    const vq_run_activations *a = &r->activations;
    return a->original ? vq_calib_advance(a->original, b->layer, e)
                       : vq_calib_look_ahead(a->current, b->layer, e);
}

/* Original activations move through every block, also through one that was finished. */
static vq_status restore(vq_run *r, vq_block *b, vq_err *e)
{
    const vq_run_activations *a = &r->activations;
    return a->original ? vq_calib_advance(a->original, b->layer, e) : VQ_OK;
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_exec x = vq_model_exec(s->plan->model, job, NULL, false);
    const vq_batch b = vq_calibration_batch(s->plan);
    return (vq_step_bytes){.most = vq_exec_bytes(&x, &b)};
}

/* Without `quantized` the outputs beside the inputs are those that the gather or the advance step
 * counts. */
static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    const vq_pass_shape shape = vq_sweep_shape(s->plan, job, 0);
    if (s->quantized) vq_cost_add_block(&cost[VQ_STAGE_STATISTICS], &shape, layer);
}

const vq_step_kind vq_step_target = {
    .name = "target",
    .doc = "outputs of the original block, for training",
    .run = run,
    .restore = restore,
    .bytes = bytes,
    .cost = cost,
};
