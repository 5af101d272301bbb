/* observer.c -- ranges, ARC's tail count, the |x| histogram and sums of an input; what observers
 * make of them. */
#include "calib/observer.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

#define CHANNEL_TILE 64
#define BIN_SHIFT 19 /* 31 bits of magnitude, the upper 12 are the bin */

vq_status vq_stats_new(vq_stats *s, const char *name, int64_t k, unsigned needs, vq_arena *a,
                       vq_err *e)
{
    *s = (vq_stats){.name = name, .k = k, .gathered = needs};
    if (needs & VQ_NEED_RANGE) {
        s->min = VQ_ALLOC(a, float, 3 * k, "input statistics", e);
        if (!s->min) return e->status;
        s->max = s->min + k;
        s->absmax = s->max + k;
        for (int64_t c = 0; c < k; c++) {
            s->min[c] = FLT_MAX;
            s->max[c] = -FLT_MAX;
            s->absmax[c] = 0;
        }
    }
    if (needs & VQ_NEED_HISTOGRAM) {
        s->histogram = VQ_NEW(a, uint64_t, VQ_HIST_BINS, "input histogram", e);
        if (!s->histogram) return e->status;
    }
    if (needs & VQ_NEED_MEAN) {
        s->abs_sum = VQ_NEW(a, double, k, "input statistics", e);
        if (!s->abs_sum) return e->status;
    }
    if (needs & VQ_NEED_HESSIAN) {
        s->hessian = VQ_NEW(a, float, k *k, "Hessian of an input", e);
        if (!s->hessian) return e->status;
    }
    return VQ_OK;
}

static void add_range(vq_stats *s, const vq_kernels *kr, const float *x, int64_t tokens)
{
#pragma omp parallel for schedule(static) if (tokens * s->k > VQ_PARALLEL_MIN)
    for (int64_t c0 = 0; c0 < s->k; c0 += CHANNEL_TILE) {
        const int64_t c1 = c0 + CHANNEL_TILE < s->k ? c0 + CHANNEL_TILE : s->k;
        kr->range_columns(s->min + c0, s->max + c0, x + c0, (size_t)s->k, (size_t)tokens,
                          (size_t)(c1 - c0));
        for (int64_t c = c0; c < c1; c++) s->absmax[c] = fmaxf(fabsf(s->min[c]), fabsf(s->max[c]));
    }
}

static void add_abs(double *sum, const float *x, int64_t tokens, int64_t k)
{
#pragma omp parallel for schedule(static) if (tokens * k > VQ_PARALLEL_MIN)
    for (int64_t c0 = 0; c0 < k; c0 += CHANNEL_TILE) {
        const int64_t c1 = c0 + CHANNEL_TILE < k ? c0 + CHANNEL_TILE : k;
        for (int64_t t = 0; t < tokens; t++)
            for (int64_t c = c0; c < c1; c++) sum[c] += (double)fabsf(x[t * k + c]);
    }
}

/* Entries above an eighth of the largest (signed) entry of their token. */
static uint64_t tail_of_row(const float *row, int64_t k)
{
    float most = row[0];
    for (int64_t c = 1; c < k; c++) most = row[c] > most ? row[c] : most;
    const float bound = 0.125f * most;
    uint64_t count = 0;
    for (int64_t c = 0; c < k; c++) count += row[c] > bound;
    return count;
}

static uint64_t tail_of(const float *x, int64_t tokens, int64_t k)
{
    uint64_t count = 0;
#pragma omp parallel for schedule(static) reduction(+ : count)
    for (int64_t t = 0; t < tokens; t++) count += tail_of_row(x + t * k, k);
    return count;
}

static uint32_t bin_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7FFFFFFF) >> BIN_SHIFT;
}

/* smallest |x| of a bin */
static float bin_start(uint32_t bin)
{
    const uint32_t bits = bin << BIN_SHIFT;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void add_histogram(uint64_t *histogram, const float *x, int64_t n)
{
#pragma omp parallel
    {
        uint64_t own[VQ_HIST_BINS] = {0};
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < n; i++) own[bin_of(x[i])]++;
#pragma omp critical(vq_histogram)
        for (int b = 0; b < VQ_HIST_BINS; b++) histogram[b] += own[b];
    }
}

void vq_stats_add(vq_stats *s, const vq_kernels *kr, const vq_rows *x)
{
    const int64_t tokens = x->samples * x->length;
    assert(x->width == s->k);
    if (s->min) add_range(s, kr, x->x, tokens);
    if (s->gathered & VQ_NEED_TAIL) s->tail_count += tail_of(x->x, tokens, s->k);
    if (s->histogram) add_histogram(s->histogram, x->x, tokens * s->k);
    if (s->abs_sum) add_abs(s->abs_sum, x->x, tokens, s->k);
    if (s->hessian) vq_outer_add(s->hessian, kr, x, 0);
    s->tokens += tokens;
    s->samples += x->samples;
}

vq_status vq_stats_end(vq_stats *s, vq_err *e)
{
    return s->hessian ? vq_outer_end(s->hessian, s->k, s->name, "Hessian", e) : VQ_OK;
}

/* |x| below which `percent` of all entries lie. Bins of files that were weighed are rounded, so that
 * their sum, and not tokens x channels, says how many entries there are. */
static float percentile(const uint64_t *histogram, double percent)
{
    double total = 0;
    for (uint32_t b = 0; b < VQ_HIST_BINS; b++) total += (double)histogram[b];
    const double rank = percent / 100 * total;
    uint64_t below = 0;
    for (uint32_t b = 0; b + 1 < VQ_HIST_BINS; b++) {
        const uint64_t here = histogram[b];
        if (here && (double)(below + here) >= rank) {
            const double start = (double)bin_start(b), width = (double)bin_start(b + 1) - start;
            return (float)(start + width * (rank - (double)below) / (double)here);
        }
        below += here;
    }
    return INFINITY;
}

static void whole_range(const vq_stats *s, float *lo, float *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int64_t c = 0; c < s->k; c++) {
        *lo = fminf(*lo, s->min[c]);
        *hi = fmaxf(*hi, s->max[c]);
    }
}

vq_status vq_observe(const vq_stats *s, const vq_num *num, float *lo, float *hi, vq_err *e)
{
    if (s->tokens == 0) return vq_fail(e, VQ_E_NUMERIC, "%s: calibration saw no tokens", s->name);
    whole_range(s, lo, hi);
    if (num->observer == VQ_OBS_ABSMAX) {
        *hi = fmaxf(-*lo, *hi);
        *lo = -*hi;
    }
    if (num->observer == VQ_OBS_PERCENTILE) {
        const float bound = percentile(s->histogram, num->percentile);
        *hi = fminf(*hi, bound);
        *lo = fmaxf(*lo, -bound);
    }
    return VQ_OK;
}

unsigned vq_observer_needs(vq_observer o)
{
    return o == VQ_OBS_PERCENTILE ? VQ_NEED_RANGE | VQ_NEED_HISTOGRAM : VQ_NEED_RANGE;
}
