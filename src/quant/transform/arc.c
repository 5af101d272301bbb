/* arc.c -- augmented residual channels: the channels with the largest inputs come last and are
 * computed twice, once with their quantized values and once with what quantization took away from
 * them. source arXiv 2601.07475, ARCQuant 347a6c8 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/transform.h"

typedef struct channel {
    float absmax;
    int32_t index;
} channel;

static int by_absmax(const void *a, const void *b)
{
    const channel *x = a, *y = b;
    if (x->absmax != y->absmax) return x->absmax < y->absmax ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

vq_status vq_arc_order(const float *absmax, int64_t k, int32_t *order, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    channel *c = VQ_ALLOC(scratch, channel, k, "order of channels", e);
    if (!c) return VQ_E_LIMIT;
    for (int64_t i = 0; i < k; i++) c[i] = (channel){absmax[i], (int32_t)i};
    qsort(c, (size_t)k, sizeof *c, by_absmax);
    for (int64_t i = 0; i < k; i++) order[i] = c[i].index;
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}

static int64_t at_most(int64_t x, int64_t limit)
{
    return x < limit ? x : limit;
}

/* Blocks of 64 residual channels: ceil(k * ratio / 64) = ceil(tail_count / (64 tokens)). In whole
 * numbers, so that no rounding of ratio decides. */
int64_t vq_arc_count_official(const vq_stats *s)
{
    const uint64_t unit = 64 * (uint64_t)s->tokens;
    const uint64_t blocks = unit ? s->tail_count / unit + (s->tail_count % unit != 0) : 0;
    return at_most(64 * (int64_t)blocks, s->k);
}

int64_t vq_arc_count_paper(const vq_stats *s)
{
    float most = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < s->k; i++) most = fmaxf(most, s->absmax[i]);
    for (int64_t i = 0; i < s->k; i++) count += s->absmax[i] > most / 8;
    return at_most((count + 15) / 16 * 16, s->k);
}

typedef struct augment_plan {
    int64_t width, blocks,
        doubled; /* of a block; blocks of a row; the last `doubled` ones come twice */
} augment_plan;

/* Copies block j of row r of q to block `at` of row r of out: codes, scale and zero point. */
static void copy_block(const augment_plan *p, const vq_qtensor *q, int64_t r, int64_t j,
                       vq_qtensor *out, int64_t at)
{
    const int64_t from = r * q->cols + j * p->width, to = r * out->cols + at * p->width;
    if (q->codes16)
        memcpy(out->codes16 + to, q->codes16 + from, (size_t)p->width * sizeof *q->codes16);
    else
        memcpy(out->codes + to, q->codes + from, (size_t)p->width);
    out->scale[r * out->per_row + at] = q->scale[r * q->per_row + j];
    if (q->zero) out->zero[r * out->per_row + at] = q->zero[r * q->per_row + j];
}

static void augment_row(const augment_plan *p, const vq_qtensor *q, int64_t r, vq_qtensor *out)
{
    for (int64_t j = 0; j < p->blocks; j++) {
        const int64_t at =
            vq_arc_column(j * p->width, q->cols, p->doubled * p->width, p->width) / p->width;
        copy_block(p, q, r, j, out, at);
        if (j >= p->blocks - p->doubled) copy_block(p, q, r, j, out, at + 1);
    }
}

vq_status vq_arc_augment(const vq_qtensor *q, int64_t s, vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const int64_t width = q->num.group.cols;
    if (q->num.group.kind != VQ_PER_BLOCK || q->num.group.rows != 1)
        return vq_fail(e, VQ_E_BUG, "residual channels need 1 x n blocks");
    if (s < 0 || s % width || s > q->cols)
        return vq_fail(e, VQ_E_BUG, "%lld residual channels of %lld", (long long)s,
                       (long long)q->cols);
    const augment_plan p = {width, q->cols / width, s / width};
    VQ_TRY(vq_qtensor_new(out, &q->num, q->rows, q->cols + s, a, e));
    out->global_scale = q->global_scale;
    out->global_scale_divides = q->global_scale_divides;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < q->rows; r++) augment_row(&p, q, r, out);
    return VQ_OK;
}

static vq_status applies(const vq_option_set *o, const vq_scheme *s, int64_t k, vq_err *e)
{
    (void)o;
    const int64_t block = vq_arc_block(s);
    if (block == 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "arc needs a weight and an input in blocks of the same width (at most "
                       "1024), the input without zero "
                       "points and with dynamic scales; scheme %s is something else",
                       s->id);
    if (k % block == 0) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE, "arc needs a multiple of %lld input channels, not %lld",
                   (long long)block, (long long)k);
}

/* Unit of the count of residual channels: the smallest multiple of the scheme's block that is also
 * a multiple of the option `granularity`. */
static int64_t granularity(const vq_option_set *o, const vq_scheme *s)
{
    const int64_t asked = strtoll(vq_option_get(o, "granularity")->s, NULL, 10),
                  block = vq_arc_block(s);
    int64_t unit = block;
    while (unit % asked) unit += block;
    return unit;
}

static int64_t most(const vq_option_set *o, const vq_scheme *s, int64_t k)
{
    const int64_t unit = granularity(o, s),
                  allowed = (int64_t)(vq_option_get(o, "max_fraction")->r * (double)k);
    return allowed / unit * unit;
}

static int64_t choose_count(const vq_transform_job *job)
{
    const vq_stats *s = job->stats;
    const char *count = vq_option_get(job->options, "count")->s;
    const int64_t unit = granularity(job->options, job->scheme);
    const int64_t ruled =
        strcmp(count, "official") == 0 ? vq_arc_count_official(s) : vq_arc_count_paper(s);
    const int64_t wanted = strcmp(count, "all") == 0 ? s->k : ruled;
    return at_most((wanted + unit - 1) / unit * unit, most(job->options, job->scheme, s->k));
}

static bool by_mean(const vq_option_set *o)
{
    return vq_option_is(o, "by", "mean");
}

/* What channels are ordered by, [k], in any unit; NULL: no memory. */
static const float *sizes(const vq_transform_job *job, vq_err *e)
{
    const vq_stats *s = job->stats;
    if (!by_mean(job->options)) return s->absmax;
    float *sums = VQ_ALLOC(job->scratch, float, s->k, "sizes of channels", e);
    for (int64_t i = 0; sums && i < s->k; i++) sums[i] = (float)s->abs_sum[i];
    return sums;
}

/* map.s: residual channels, map.order [k]: channels by growing magnitude. Without residuals the
 * order is not changed either: sorting puts outliers into the same blocks, which is worse than
 * outliers apart unless their error gets a second try. */
static vq_status run(vq_transform_job *job, vq_err *e)
{
    const int64_t k = job->stats->k;
    if (!job->stats->absmax || (by_mean(job->options) && !job->stats->abs_sum))
        return vq_fail(e, VQ_E_BUG, "arc without the range of its input");
    VQ_TRY(applies(job->options, job->scheme, k, e));
    job->map = (vq_input_map){.s = choose_count(job)};
    if (job->map.s == 0) return VQ_OK;
    job->map.order = VQ_ALLOC(job->arena, int32_t, k, "order of channels", e);
    if (!job->map.order) return VQ_E_LIMIT;
    const float *by = sizes(job, e);
    return by ? vq_arc_order(by, k, job->map.order, job->arena, e) : e->status;
}

static unsigned needs(const vq_option_set *o)
{
    return VQ_NEED_RANGE | (by_mean(o) ? VQ_NEED_MEAN : 0) |
           (vq_option_is(o, "count", "official") ? VQ_NEED_TAIL : 0);
}

static const vq_option options[] = {
    {"count", VQ_OPT_CHOICE, "official", 0, 0, "official|paper|all",
     "residual channels: share of entries above an eighth of their token's maximum (ARCQuant "
     "347a6c8), or channels above an eighth of the "
     "maximum (arXiv 2601.07475), or all that max_fraction allows"},
    {"granularity", VQ_OPT_CHOICE, "16", 0, 0, "16|32|64",
     "residual channels are rounded up to a multiple of this (the GEMM's alignment of K) and of "
     "the scheme's block"},
    {"by", VQ_OPT_CHOICE, "absmax", 0, 0, "absmax|mean",
     "channels with the largest magnitude come last (the papers), or with the largest mean "
     "magnitude, which one token of one text does not decide"},
    {"max_fraction", VQ_OPT_REAL, "1", 0, 1, NULL,
     "at most this share of the input channels gets a residual"},
    {.name = NULL},
};

const vq_transform vq_transform_arc = {
    .name = "arc",
    .doc = "augmented residual channels: outlier inputs last, their quantization error as extra "
           "columns",
    .source = "arXiv 2601.07475; ARCQuant 347a6c8",
    .options = options,
    .augments = most,
    .needs = needs,
    .applies = applies,
    .at_run_time = true,
    .run = run,
};
