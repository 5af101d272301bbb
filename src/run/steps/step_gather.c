/* step_gather.c -- a sweep over the block that sums statistics of the inputs of its linears. */
#include "calib/unseen.h"
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"

/* The file that was loaded has the curvature of the original model; statistics of the inputs are
 * those of the sweep. */
static void add_curvature(vq_stats *swept, const vq_stats *loaded)
{
    swept->linears = loaded->linears;
    swept->nlinears = loaded->nlinears;
    swept->gathered |= loaded->gathered & VQ_NEED_GRADIENT;
}

/* Without `quantized` the next block sees the outputs of this one as it is now, so the run that
 * gathers statistics also makes those outputs: they become the activations, or are set aside for
 * the advance step. */
static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    const vq_stats *loaded = b->stats;
    vq_calib *c = r->activations.current;
    VQ_TRY(vq_block_new_stats(r, b, e));
    VQ_TRY(r->schedule->quantized ? vq_calib_gather(c, b->layer, b->stats, b->nstats, &b->arena, e)
                                  : vq_calib_block(c, b->layer, b->stats, b->nstats, &b->arena, e));
    for (int i = 0; loaded && i < b->nstats; i++) add_curvature(&b->stats[i], &loaded[i]);
    (void)vq_unseen_warn(&r->job->reporter, b->layer, b->stats, b->nstats);
    return VQ_OK;
}

/* The activations still have to move, when no step of their own does it. */
static vq_status restore(vq_run *r, vq_block *b, vq_err *e)
{
    const bool last = b->layer + 1 == r->models.graph->layers;
    return r->schedule->self_moving && !last ? vq_step_advance.run(r, b, e) : VQ_OK;
}

static unsigned forward(const vq_plan *p)
{
    return p->needs & ~(unsigned)VQ_NEED_GRADIENT;
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_exec x = vq_model_exec(s->plan->model, job, NULL, false);
    const vq_batch b = vq_calibration_batch(s->plan);
    const uint64_t statistics = vq_statistics_bytes(s->plan, forward(s->plan));
    return (vq_step_bytes){.most = statistics + vq_exec_bytes(&x, &b), .stays = statistics};
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    const vq_pass_shape shape = vq_sweep_shape(s->plan, job, forward(s->plan));
    vq_cost *c = &cost[VQ_STAGE_STATISTICS];
    vq_cost_add_block(c, &shape, layer);
    vq_cost_add_observers(c, shape.graph, layer, shape.tokens, forward(s->plan));
}

const vq_step_kind vq_step_gather = {
    .name = "gather",
    .doc = "statistics of the inputs of the block's linears, from a sweep over it",
    .run = run,
    .restore = restore,
    .bytes = bytes,
    .cost = cost,
};
