/* smooth.c -- channel scales that move the range of an input into the weights. source arXiv 2211.10438; llm-compressor 0.14.0.1 */
#include <math.h>

#include "quant/transform.h"

#define LEAST 1e-5
enum { TILE = 64 }; /* columns that one thread looks at together */

/* max - min per channel, as the peer has it: no absolute maximum. */
static void input_ranges(const vq_stats *s, double *range)
{
    for (int64_t i = 0; i < s->k; i++) range[i] = (double)s->max[i] - (double)s->min[i];
}

/* Twice the largest magnitude of each column over all consumers. */
static void weight_ranges(const vq_transform_job *job, double *range)
{
    const int64_t k = job->stats->k;
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < k; at += TILE) {
        const int64_t end = at + TILE < k ? at + TILE : k;
        for (int64_t i = at; i < end; i++) range[i] = 0;
        for (int c = 0; c < job->nconsumers; c++)
            for (int64_t r = 0; r < job->consumers[c].n; r++)
                for (int64_t i = at; i < end; i++) range[i] = fmax(range[i], 2 * fabs((double)job->consumers[c].w[r * k + i]));
    }
}

/* Strength 0.5 gives input and weights the same range; a column of zeros takes all of the input's. */
static double balance(double input, double weight, double strength)
{
    return fmax(weight > 0 ? pow(input, strength) / pow(weight, 1 - strength) : input, LEAST);
}

static double log_equalized(double input)
{
    return fmax(input / log2(2 + input), LEAST);
}

static vq_status choose_scales(vq_transform_job *job, float *scale, vq_err *e)
{
    const int64_t k = job->stats->k;
    const double strength = vq_option_get(job->options, "strength")->r;
    const bool by_log = vq_option_get(job->options, "log_equalization")->b;
    double *input = VQ_ALLOC(job->scratch, double, k, "ranges", e), *weight = VQ_ALLOC(job->scratch, double, k, "ranges", e);
    if (!input || !weight) return VQ_E_LIMIT;
    input_ranges(job->stats, input);
    weight_ranges(job, weight);
    VQ_TRY(vq_producer_share(&job->producer, input, k, false, job->scratch, e));
    VQ_TRY(vq_producer_share(&job->producer, weight, k, false, job->scratch, e));
    for (int64_t i = 0; i < k; i++) scale[i] = (float)(by_log ? log_equalized(input[i]) : balance(input[i], weight[i], strength));
    return VQ_OK;
}

/* Without a producer that absorbs the scales there is nothing to be had. */
static vq_status run(vq_transform_job *job, vq_err *e)
{
    job->map = (vq_input_map){.scale = NULL};
    if (!job->stats->min || !job->stats->max) return vq_fail(e, VQ_E_BUG, "smooth without the range of its input");
    if (job->producer.kind == VQ_PRODUCER_NONE) return VQ_OK;
    float *scale = VQ_ALLOC(job->arena, float, job->stats->k, "channel scales", e);
    if (!scale) return VQ_E_LIMIT;
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    const vq_status status = choose_scales(job, scale, e);
    vq_arena_rewind(job->scratch, mark);
    if (status == VQ_OK) job->map.scale = scale;
    return status;
}

static unsigned needs(const vq_option_set *o)
{
    (void)o;
    return VQ_NEED_RANGE;
}

static const vq_option options[] = {
    {"strength", VQ_OPT_REAL, "0.5", 0, 1, NULL,
     "scale = (max - min of the input)^strength / (2 max |w|)^(1 - strength): 0 leaves all range to the input, 1 moves all of it"},
    {"log_equalization", VQ_OPT_BOOL, "false", 0, 0, NULL,
     "scale = range / log2(2 + range) of the input alone; strength has no part in it (llm-compressor)"},
    {.name = NULL},
};

const vq_transform vq_transform_smooth = {
    .name = "smooth",
    .doc = "channel scales, folded into the producer, that move the range of an input into the weights (SmoothQuant)",
    .source = "arXiv 2211.10438; llm-compressor 0.14.0.1",
    .options = options,
    .weights = true,
    .needs = needs,
    .loses = VQ_NEED_TAIL | VQ_NEED_HISTOGRAM,
    .run = run,
};
