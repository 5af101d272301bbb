/* awq.c -- channel scales from a grid over how much inputs and weights count, judged by what the
 * quantized weights do to the output of the group's parent. source arXiv 2306.00978; llm-compressor
 * 0.14.0.1 AWQModifier */
#include <math.h>
#include <string.h>

#include "quant/transform.h"

#define LEAST 1e-4
enum { TILE = 64 }; /* columns that one thread sums together */

/* One point of the grid: scale = input^ratio / weight^(1 - ratio), or without the weight. */
typedef struct point {
    double ratio;
    bool duo;
} point;

typedef struct search {
    vq_transform_job *job;
    int64_t k;
    double *input, *weight; /* [k] mean magnitudes; of weights relative to their group's largest */
    double *scale, *best;   /* [k] */
    float **candidate; /* per consumer [n][k]: the rounded weight, for the input as it stands */
    vq_global_scale *global_scale; /* per consumer */
    bool shared;                   /* consumers share the second-level scale */
    double least;
} search;

/* The largest magnitude of each quantization group of a consumer, [groups]. */
static vq_status group_peaks(const vq_transform_job *job, const vq_consumer *c, float **out,
                             vq_err *e)
{
    const vq_num *num = &c->scheme->weight;
    const int64_t k = job->stats->k;
    int64_t rows, cols, per_row, groups;
    VQ_TRY(vq_group_count(num, c->n, k, &per_row, &groups, e));
    vq_group_size(num, c->n, k, &rows, &cols);
    float *peak = *out = VQ_NEW(job->scratch, float, groups, "peaks of weights", e);
    if (!peak) return VQ_E_LIMIT;
#pragma omp parallel for schedule(static)
    for (int64_t band = 0; band < (c->n + rows - 1) / rows; band++)
        for (int64_t r = band * rows; r < c->n && r < (band + 1) * rows; r++)
            for (int64_t i = 0; i < k; i++) {
                float *p = &peak[band * per_row + i / cols];
                *p = fmaxf(*p, fabsf(c->w[r * k + i]));
            }
    return VQ_OK;
}

/* Adds |w| / (peak of its group + 1e-6) of all rows to sum[k]. */
static vq_status add_relative(const search *s, const vq_consumer *c, double *sum, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(s->job->scratch);
    float *peak;
    int64_t rows, cols;
    VQ_TRY(group_peaks(s->job, c, &peak, e));
    vq_group_size(&c->scheme->weight, c->n, s->k, &rows, &cols);
    const int64_t k = s->k, per_row = (k + cols - 1) / cols;
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < k; at += TILE)
        for (int64_t r = 0; r < c->n; r++)
            for (int64_t i = at; i < k && i < at + TILE; i++)
                sum[i] += fabs((double)c->w[r * k + i]) /
                          ((double)peak[r / rows * per_row + i / cols] + 1e-6);
    vq_arena_rewind(s->job->scratch, mark);
    return VQ_OK;
}

static vq_status measure_means(const search *s, vq_err *e)
{
    const vq_transform_job *job = s->job;
    double rows = 0;
    for (int64_t i = 0; i < s->k; i++) {
        s->input[i] = job->stats->abs_sum[i] / (double)job->stats->tokens;
        s->weight[i] = 0;
    }
    for (int c = 0; c < job->nconsumers; c++) {
        VQ_TRY(add_relative(s, &job->consumers[c], s->weight, e));
        rows += (double)job->consumers[c].n;
    }
    for (int64_t i = 0; i < s->k; i++) s->weight[i] /= rows;
    VQ_TRY(vq_producer_share(&job->producer, s->input, s->k, true, job->scratch, e));
    return vq_producer_share(&job->producer, s->weight, s->k, true, job->scratch, e);
}

/* The scales of one point, s->scale [k], divided by the geometric mean of the largest and the
 * smallest. */
static void scales_at(const search *s, const point *p)
{
    double most = 0, least = INFINITY;
    for (int64_t i = 0; i < s->k; i++) {
        const double x = pow(s->input[i], p->ratio),
                     y = p->duo ? pow(s->weight[i], 1 - p->ratio) + 1e-4 : 1;
        s->scale[i] = fmax(x / y, LEAST);
        most = fmax(most, s->scale[i]);
        least = fmin(least, s->scale[i]);
    }
    const double middle = sqrt(most * least);
    for (int64_t i = 0; i < s->k; i++) {
        s->scale[i] /= middle;
        if (!isfinite(s->scale[i])) s->scale[i] = 1;
    }
}

/* out [n][k] = w with column i times (divide: over) scale i. In f32 like the edits of the weights.
 */
static void scale_columns(const search *s, const float *w, int64_t n, bool divide, float *out)
{
    const int64_t k = s->k;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < k; i++)
            out[r * k + i] =
                divide ? w[r * k + i] / (float)s->scale[i] : w[r * k + i] * (float)s->scale[i];
}

static float peak_of(const search *s, int c)
{
    float peak = 0;
    const int64_t n = s->job->consumers[c].n;
#pragma omp parallel for schedule(static) reduction(max : peak)
    for (int64_t r = 0; r < n; r++)
        peak = fmaxf(peak, s->job->kernels->absmax(s->candidate[c] + r * s->k, (size_t)s->k));
    return peak;
}

/* The second-level scale that the scaled weights of consumer c get, alone or with the others. */
static vq_global_scale global_scale_of(const search *s, int c)
{
    const vq_transform_job *job = s->job;
    const vq_num *num = &job->consumers[c].scheme->weight;
    if (!num->global_scale) return job->consumers[c].global_scale;
    float peak = peak_of(s, c);
    for (int other = 0; s->shared && other < job->nconsumers; other++)
        peak = fmaxf(peak, peak_of(s, other));
    const vq_global_scale made = vq_global_scale_from_amax(num, peak, job->arith);
    return job->consumers[c].global_scale.divides ? vq_global_scale_as_divisor(made) : made;
}

static vq_status round_candidate(const search *s, int c, vq_global_scale global_scale, vq_err *e)
{
    const vq_consumer *consumer = &s->job->consumers[c];
    if (!consumer->scheme->has_weight) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(s->job->scratch);
    vq_qtensor q;
    VQ_TRY(vq_qtensor_new(&q, &consumer->scheme->weight, consumer->n, s->k, s->job->scratch, e));
    VQ_TRY(vq_quantize_rows(s->job->kernels, &q, s->candidate[c], global_scale, s->job->arith, NULL,
                            NULL, e));
    vq_decode_rows(s->job->kernels, &q, s->candidate[c], s->k);
    vq_arena_rewind(s->job->scratch, mark);
    return VQ_OK;
}

/* Error of the parent's output with all consumers rounded under s->scale. */
static vq_status try_scales(const search *s, double *mse, vq_err *e)
{
    const vq_transform_job *job = s->job;
    vq_global_scale *global_scale = s->global_scale;
    for (int c = 0; c < job->nconsumers; c++)
        scale_columns(s, job->consumers[c].w, job->consumers[c].n, false, s->candidate[c]);
    for (int c = 0; c < job->nconsumers; c++) global_scale[c] = global_scale_of(s, c);
    for (int c = 0; c < job->nconsumers; c++) {
        if (round_candidate(s, c, global_scale[c], e) != VQ_OK)
            return vq_at(e, "%s", job->consumers[c].name);
        scale_columns(s, s->candidate[c], job->consumers[c].n, true, s->candidate[c]);
    }
    return job->trial(job->trial_ctx, (const float *const *)s->candidate, mse, e);
}

/* Point i of a grid of n, as llm-compressor lays it out: with duo the first is no scaling at all;
 * both: every ratio without and with. */
static point point_of(const char *duo, int64_t i, int64_t n)
{
    const int64_t half = n / 2, pair = i / 2;
    if (strcmp(duo, "false") == 0) return (point){(double)i / (double)(n - 1), false};
    if (strcmp(duo, "true") == 0)
        return i == 0 ? (point){0, false} : (point){(double)(i - 1) / (double)(n - 2), true};
    return (point){(double)pair / (double)(half - 1), i % 2 == 1};
}

/* Points of the grid. */
static int64_t trials(const vq_option_set *o)
{
    const int64_t asked = vq_option_get(o, "grid")->i;
    return vq_option_is(o, "duo", "both") ? asked / 2 * 2 : asked;
}

/* The first point with the least error. */
static vq_status walk_grid(search *s, bool *scaled, vq_err *e)
{
    const char *duo = vq_option_get(s->job->options, "duo")->s;
    const int64_t n = trials(s->job->options);
    s->least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        const point p = point_of(duo, i, n);
        double mse = INFINITY;
        scales_at(s, &p);
        VQ_TRY(try_scales(s, &mse, e));
        if (!(mse < s->least)) continue;
        s->least = mse;
        *scaled = p.duo || p.ratio > 0;
        memcpy(s->best, s->scale, (size_t)s->k * sizeof *s->best);
    }
    return VQ_OK;
}

static bool same_global_scales(const vq_transform_job *job)
{
    for (int c = 1; c < job->nconsumers; c++)
        if (job->consumers[c].global_scale.value != job->consumers[0].global_scale.value)
            return false;
    return true;
}

static vq_status open_search(search *s, vq_transform_job *job, vq_err *e)
{
    const int64_t k = job->stats->k;
    *s = (search){.job = job, .k = k, .shared = same_global_scales(job)};
    double **const vectors[] = {&s->input, &s->weight, &s->scale, &s->best};
    for (int i = 0; i < 4; i++) {
        *vectors[i] = VQ_ALLOC(job->scratch, double, k, "channel scales", e);
        if (!*vectors[i]) return VQ_E_LIMIT;
    }
    s->candidate = VQ_ALLOC(job->scratch, float *, job->nconsumers, "candidates", e);
    s->global_scale = VQ_ALLOC(job->scratch, vq_global_scale, job->nconsumers, "candidates", e);
    if (!s->candidate || !s->global_scale) return VQ_E_LIMIT;
    for (int c = 0; c < job->nconsumers; c++) {
        s->candidate[c] = VQ_ALLOC(job->scratch, float, job->consumers[c].n *k, "scaled weight", e);
        if (!s->candidate[c]) return VQ_E_LIMIT;
    }
    return VQ_OK;
}

static vq_status find_scales(vq_transform_job *job, vq_err *e)
{
    search s;
    bool scaled = false;
    VQ_TRY(open_search(&s, job, e));
    VQ_TRY(measure_means(&s, e));
    VQ_TRY(walk_grid(&s, &scaled, e));
    if (!isfinite(s.least))
        return vq_fail(e, VQ_E_NUMERIC, "no point of the grid gives an output that is finite");
    if (!scaled) return VQ_OK;
    job->map.scale = VQ_ALLOC(job->arena, float, s.k, "channel scales", e);
    if (!job->map.scale) return VQ_E_LIMIT;
    for (int64_t i = 0; i < s.k; i++) job->map.scale[i] = (float)s.best[i];
    return VQ_OK;
}

static vq_status run(vq_transform_job *job, vq_err *e)
{
    job->map = (vq_input_map){.scale = NULL};
    if (!job->stats->abs_sum || !job->trial || job->nconsumers < 1)
        return vq_fail(e, VQ_E_BUG, "awq without mean magnitudes, trials or consumers");
    if (job->producer.kind == VQ_PRODUCER_NONE || job->stats->tokens < 1) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    const vq_status status = find_scales(job, e);
    vq_arena_rewind(job->scratch, mark);
    return status;
}

static unsigned needs(const vq_option_set *o)
{
    (void)o;
    return VQ_NEED_MEAN;
}

static vq_status applies(const vq_option_set *o, const vq_scheme *s, int64_t k, vq_err *e)
{
    (void)o, (void)k;
    return s->has_weight
               ? VQ_OK
               : vq_fail(e, VQ_E_RECIPE, "awq scales weights; scheme %s quantizes none", s->id);
}

static const vq_option options[] = {
    {"grid", VQ_OPT_INT, "20", 4, 200, NULL,
     "scales tried per group (each runs the samples through the group's parent once)"},
    {"duo", VQ_OPT_CHOICE, "true", 0, 0, "true|false|both",
     "true: scale = input^r / weight^(1 - r) by mean magnitudes; false: input^r; both: the grid is "
     "shared by both"},
    {.name = NULL},
};

const vq_transform vq_transform_awq = {
    .name = "awq",
    .doc = "channel scales, folded into the producer, chosen by the error of the output with "
           "quantized weights (AWQ)",
    .source = "arXiv 2306.00978; llm-compressor 0.14.0.1",
    .options = options,
    .folds = true,
    .trials = trials,
    .weights = true,
    .needs = needs,
    .applies = applies,
    .loses = VQ_NEED_TAIL | VQ_NEED_HISTOGRAM,
    .run = run,
};
