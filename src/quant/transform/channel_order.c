/* channel_order.c -- input channels in rising order of a statistic, so that the members of a block
 * are alike; the producer's rows move along. source arXiv 2403.20137
 * (what a permutation costs nothing in) */
#include "quant/transform.h"

static bool by_hessian(const vq_option_set *o)
{
    return vq_option_is(o, "by", "hessian");
}

/* The statistic per channel, the same for channels that share a row. */
static vq_status magnitudes(const vq_transform_job *job, double *x, vq_err *e)
{
    const vq_stats *s = job->stats;
    const bool hessian = by_hessian(job->options);
    if (hessian ? !s->hessian : !s->absmax)
        return vq_fail(e, VQ_E_BUG, "order without the statistic that it sorts by");
    for (int64_t i = 0; i < s->k; i++)
        x[i] = (double)(hessian ? s->hessian[i * s->k + i] : s->absmax[i]);
    return vq_producer_share(&job->producer, x, s->k, hessian, job->scratch, e);
}

/* Channels are sorted in runs that the producer can permute on its own: everything behind an MLP,
 * one head behind attention. */
static vq_status sort_runs(const vq_transform_job *job, int64_t run, int32_t *order, vq_err *e)
{
    const int64_t k = job->stats->k;
    double *x = VQ_ALLOC(job->scratch, double, k, "order of channels", e);
    float *y = VQ_ALLOC(job->scratch, float, k, "order of channels", e);
    if (!x || !y) return VQ_E_LIMIT;
    VQ_TRY(magnitudes(job, x, e));
    for (int64_t i = 0; i < k; i++) y[i] = (float)x[i];
    for (int64_t at = 0; at < k; at += run) {
        VQ_TRY(vq_arc_order(y + at, run, order + at, job->scratch, e));
        for (int64_t i = at; i < at + run; i++) order[i] += (int32_t)at;
    }
    return VQ_OK;
}

/* A norm stands before the residual stream, whose order is one for the whole model: not a matter of
 * one group. */
static vq_status run(vq_transform_job *job, vq_err *e)
{
    const vq_producer *p = &job->producer;
    job->map = (vq_input_map){.order = NULL};
    if (p->kind != VQ_PRODUCER_ROWS && p->kind != VQ_PRODUCER_VALUES) return VQ_OK;
    VQ_TRY(vq_producer_fits(p, job->stats->k, e));
    int32_t *order = VQ_ALLOC(job->arena, int32_t, job->stats->k, "order of channels", e);
    if (!order) return VQ_E_LIMIT;
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    const vq_status status =
        sort_runs(job, p->kind == VQ_PRODUCER_VALUES ? p->head_dim : job->stats->k, order, e);
    vq_arena_rewind(job->scratch, mark);
    if (status == VQ_OK) job->map = (vq_input_map){.order = order, .fold_order = true};
    return status;
}

static unsigned needs(const vq_option_set *o)
{
    return by_hessian(o) ? VQ_NEED_HESSIAN : VQ_NEED_RANGE;
}

static const vq_option options[] = {
    {"by", VQ_OPT_CHOICE, "absmax", 0, 0, "absmax|hessian",
     "what channels are sorted by: their largest magnitude, or the sum of their squares (the "
     "diagonal of x x^T)"},
    {.name = NULL},
};

const vq_transform vq_transform_order = {
    .name = "order",
    .doc = "channels of equal size side by side in blocks: the MLP's width, and the values inside "
           "each head; exact, free at run time",
    .source = "arXiv 2403.20137",
    .options = options,
    .folds = true,
    .needs = needs,
    .run = run,
};
