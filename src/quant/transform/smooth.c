/* smooth.c -- channel scales that move the size of an input into the weights. source arXiv
 * 2211.10438; llm-compressor 0.14.0.1 */
#include <math.h>

#include "quant/transform.h"

#define LEAST 1e-5
enum { TILE = 64 }; /* columns that one thread looks at together */

static bool by_hessian(const vq_option_set *o)
{
    return vq_option_is(o, "by", "hessian");
}

/* Size of each input channel, size [k]: by range its max - min (what llm-compressor takes, not the
 * absolute maximum), by hessian the mean of its squares. */
static void input_sizes(const vq_stats *s, bool hessian, double *size)
{
    for (int64_t i = 0; i < s->k; i++)
        size[i] = hessian ? (double)s->hessian[i * s->k + i] / (double)s->tokens
                          : (double)s->max[i] - (double)s->min[i];
}

/* Adds weight w to the size of its column: by range twice the largest |w|, by hessian the sum of
 * squares. */
static double with_weight(double size, double w, bool hessian)
{
    return hessian ? size + w * w : fmax(size, 2 * fabs(w));
}

/* Size of each weight column, size [k], over the rows of all linears that read the input. */
static void weight_sizes(const vq_transform_job *job, bool hessian, double *size)
{
    const int64_t k = job->stats->k;
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < k; at += TILE) {
        const int64_t end = at + TILE < k ? at + TILE : k;
        for (int64_t i = at; i < end; i++) size[i] = 0;
        for (int c = 0; c < job->nconsumers; c++)
            for (int64_t r = 0; r < job->consumers[c].n; r++)
                for (int64_t i = at; i < end; i++)
                    size[i] = with_weight(size[i], (double)job->consumers[c].w[r * k + i], hessian);
    }
}

/* Scale of one channel: the input is divided by it, the weight column multiplied. Strength 0.5
 * gives both the same size. A column of zeros has no size to be balanced, so the scale is the size
 * of the input. */
static double balance(double input, double weight, double strength)
{
    return fmax(weight > 0 ? pow(input, strength) / pow(weight, 1 - strength) : input, LEAST);
}

static double log_equalized(double input)
{
    return fmax(input / log2(2 + input), LEAST);
}

/* Sizes of the input channels and of the weight columns, each [k]. Channels made by the same row of
 * the producer (those of query heads that share a key/value head) can only be scaled together, so
 * they get one common size: the largest by range, the sum by hessian. By hessian all sizes are
 * squares until the last loop takes their roots. */
static vq_status measure(const vq_transform_job *job, bool hessian, double *input, double *weight,
                         vq_err *e)
{
    const int64_t k = job->stats->k;
    input_sizes(job->stats, hessian, input);
    weight_sizes(job, hessian, weight);
    VQ_TRY(vq_producer_share(&job->producer, input, k, hessian, job->scratch, e));
    VQ_TRY(vq_producer_share(&job->producer, weight, k, hessian, job->scratch, e));
    if (!hessian) return VQ_OK;
    for (int64_t i = 0; i < k; i++) {
        input[i] = sqrt(input[i]);
        weight[i] = sqrt(weight[i]);
    }
    return VQ_OK;
}

/* One scale per channel, scale [k].
 * A channel without a size (of range: the same in all calibration tokens; of mean square: zero)
 * keeps scale 1. Its size would give the floor, LEAST: divided by so small a scale, the first other
 * value would be the largest of its token or block, and the rest would be lost in that scale. */
static vq_status choose_scales(vq_transform_job *job, float *scale, vq_err *e)
{
    const int64_t k = job->stats->k;
    const double strength = vq_option_get(job->options, "strength")->r;
    const bool by_log = vq_option_get(job->options, "log_equalization")->b,
               hessian = by_hessian(job->options);
    double *input = VQ_ALLOC(job->scratch, double, k, "sizes", e),
           *weight = VQ_ALLOC(job->scratch, double, k, "sizes", e);
    if (!input || !weight) return VQ_E_LIMIT;
    VQ_TRY(measure(job, hessian, input, weight, e));
    for (int64_t i = 0; i < k; i++) {
        const double s = by_log ? log_equalized(input[i]) : balance(input[i], weight[i], strength);
        scale[i] = input[i] <= 0 ? 1 : (float)s;
    }
    return VQ_OK;
}

/* The scales are divided out of the producer, so without a producer there is no map. */
static vq_status run(vq_transform_job *job, vq_err *e)
{
    job->map = (vq_input_map){.scale = NULL};
    const bool measured =
        by_hessian(job->options) ? job->stats->hessian != NULL : job->stats->min && job->stats->max;
    if (!measured) return vq_fail(e, VQ_E_BUG, "smooth without the statistic that it goes by");
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
    return by_hessian(o) ? VQ_NEED_HESSIAN : VQ_NEED_RANGE;
}

static const vq_option options[] = {
    {"strength", VQ_OPT_REAL, "0.5", 0, 1, NULL,
     "scale = (size of the input)^strength / (size of its weights)^(1 - strength): 0 leaves all to "
     "the input, 1 moves all of it"},
    {"by", VQ_OPT_CHOICE, "range", 0, 0, "range|hessian",
     "size: max - min and 2 max |w|, or the roots of the mean of x^2 and of the sum of w^2, which "
     "leave least noise where blocks are "
     "rotated"},
    {"log_equalization", VQ_OPT_BOOL, "false", 0, 0, NULL,
     "scale = size / log2(2 + size) of the input alone; strength has no part in it "
     "(llm-compressor)"},
    {.name = NULL},
};

const vq_transform vq_transform_smooth = {
    .name = "smooth",
    .doc = "channel scales, folded into the producer, that move the size of an input into the "
           "weights (SmoothQuant)",
    .source = "arXiv 2211.10438; llm-compressor 0.14.0.1",
    .options = options,
    .folds = true,
    .weights = true,
    .needs = needs,
    .loses = VQ_NEED_TAIL | VQ_NEED_HISTOGRAM,
    .run = run,
};
