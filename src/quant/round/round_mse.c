/* round_mse.c -- round to nearest under the scales that lose least. */
#include "quant/search/mse_search.h"
#include "quant/search/scale_search.h"

static bool is_weighed(const vq_option_set *o)
{
    return vq_option_is(o, "weigh", "input");
}

static unsigned needs(const vq_option_set *o)
{
    return is_weighed(o) ? VQ_NEED_HESSIAN : 0;
}

static vq_status run_stored(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    const float *d = NULL;
    if (is_weighed(job->options)) {
        if (!job->stats || !job->stats->hessian)
            return vq_fail(e, VQ_E_BUG, "mse without the statistic it is weighed with");
        d = vq_scale_weights(job->stats->hessian, q->cols, job->scratch, e);
        if (!d) return VQ_E_LIMIT;
    }
    VQ_TRY(vq_scale_search(job, w, d, q, e));
    return vq_scale_encode(job, w, q, e);
}

static vq_status run(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    const vq_mse_search *s = vq_mse_named(vq_option_get(job->options, "search")->s);
    if (!s) return run_stored(job, w, q, e);
    uint8_t *best = VQ_ALLOC(job->scratch, uint8_t, q->groups, "chosen scales", e);
    if (!best) return VQ_E_LIMIT;
    VQ_TRY(vq_mse_choose(job, s, w, q, best, e));
    return vq_mse_apply(job, s, w, q, best, e);
}

static const vq_option options[] = {
    {"search", VQ_OPT_CHOICE, "stored", 0, 0, "stored|memoryless|expanded",
     "stored: least squared error over the scales that can be stored near the plain one; "
     "memoryless, expanded: llm-compressor 0.14 "
     "memoryless_mse and nvfp4_expanded_mse"},
    {"weigh", VQ_OPT_CHOICE, "none", 0, 0, "none|input",
     "search stored: squared errors as they are, or weighed by the second moment of the column's "
     "calibration inputs"},
    {.name = NULL},
};

const vq_rounder vq_round_mse = {
    .name = "mse",
    .most_bits = 8,
    .doc =
        "round to nearest under the scale of each group that loses least; grids of at most 8 bits",
    .source = "llm-compressor 0.14 observers/mse.py; arXiv 2512.02010",
    .options = options,
    .needs = needs,
    .run = run,
};
