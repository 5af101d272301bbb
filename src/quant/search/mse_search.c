/* mse_search.c -- the searches of peers: tries every step on all groups of a band of rows at once,
 * with the vector encoders. */
#include "quant/search/mse_search.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "quant/search/scale_search.h"

/* What one thread needs for one band: the rows of one row of groups. */
typedef struct band {
    float *lo, *hi;           /* [per_row] range of the groups */
    float *try_lo, *try_hi;   /* [per_row] */
    float *scale, *effective; /* [per_row] */
    int16_t *zero;            /* [per_row] */
    double *error, *least;    /* [per_row] */
    float *decoded;           /* [cols] */
    uint8_t *codes;           /* [cols] */
    bool improved[VQ_MSE_MAX_STEPS];
} band;

typedef struct search_run {
    const vq_round_job *job;
    const vq_mse_search *s;
    const float *w;
    const vq_qtensor *q;
    vq_num num;         /* by which candidates are judged: scales may be f32 there (begin) */
    int64_t rows, cols; /* of a group */
    int64_t bands;
    int steps;
} search_run;

static vq_status new_band(band *b, const search_run *r, vq_arena *a, vq_err *e)
{
    const size_t n = (size_t)r->q->per_row;
    float *f = VQ_ALLOC(a, float, 6 * n + (size_t)r->q->cols, "scale search", e);
    double *d = VQ_ALLOC(a, double, 2 * n, "scale search", e);
    b->zero = VQ_NEW(a, int16_t, n, "scale search", e);
    b->codes = VQ_ALLOC(a, uint8_t, r->q->cols, "scale search", e);
    if (!f || !d || !b->zero || !b->codes) return VQ_E_LIMIT;
    b->lo = f, b->hi = f + n, b->try_lo = f + 2 * n, b->try_hi = f + 3 * n;
    b->scale = f + 4 * n, b->effective = f + 5 * n, b->decoded = f + 6 * n;
    b->error = d, b->least = d + n;
    memset(b->improved, 0, sizeof b->improved);
    return VQ_OK;
}

static int64_t first_row(const search_run *r, int64_t i)
{
    const int64_t row = i * r->rows;
    return row < r->q->rows ? row : r->q->rows;
}

static void band_ranges(const search_run *r, band *b, int64_t i)
{
    const vq_qtensor *q = r->q;
    for (int64_t row = first_row(r, i); row < first_row(r, i + 1); row++) {
        const bool first = row == first_row(r, i);
        float *lo = first ? b->lo : b->try_lo, *hi = first ? b->hi : b->try_hi;
        r->job->kernels->range_blocks(r->w + row * q->cols, (size_t)q->cols, (size_t)r->cols, lo,
                                      hi);
        for (int64_t g = 0; !first && g < q->per_row; g++) {
            b->lo[g] = fminf(b->lo[g], lo[g]);
            b->hi[g] = fmaxf(b->hi[g], hi[g]);
        }
    }
    for (int64_t g = 0; r->s->base != 0 && g < q->per_row; g++) {
        b->lo[g] *= r->s->base;
        b->hi[g] *= r->s->base;
    }
}

/* Scales of the whole band at one step, as `num` stores them. */
static void band_scales(const search_run *r, const vq_num *num, band *b, int step)
{
    const size_t n = (size_t)r->q->per_row;
    const float p = r->s->factor(step);
    for (size_t g = 0; g < n; g++) {
        b->try_lo[g] = b->lo[g] * p;
        b->try_hi[g] = b->hi[g] * p;
    }
    r->job->kernels->scale_row(num, b->try_lo, b->try_hi, n, r->job->global_scale, r->job->arith,
                               b->scale, b->zero);
    for (size_t g = 0; g < n; g++)
        b->effective[g] = vq_effective_scale(num, b->scale[g], r->job->global_scale);
}

static double group_error(const search_run *r, const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow(fabs((double)(y[i] - x[i])), r->s->power);
    return sum;
}

static void band_errors(const search_run *r, band *b, int64_t i)
{
    const vq_qtensor *q = r->q;
    const size_t cols = (size_t)q->cols, width = (size_t)r->cols;
    memset(b->error, 0, (size_t)q->per_row * sizeof *b->error);
    for (int64_t row = first_row(r, i); row < first_row(r, i + 1); row++) {
        const float *x = r->w + row * q->cols;
        r->job->kernels->encode_row(&r->num, x, cols, width, b->effective, q->zero ? b->zero : NULL,
                                    b->codes);
        r->job->kernels->decode_row(&r->num, b->codes, cols, width, b->effective,
                                    q->zero ? b->zero : NULL, b->decoded);
        for (size_t g = 0, k = 0; k < cols; g++, k += width)
            b->error[g] +=
                group_error(r, x + k, b->decoded + k, cols - k < width ? cols - k : width);
    }
}

static void search_band(const search_run *r, band *b, int64_t i, uint8_t *best)
{
    const int64_t n = r->q->per_row;
    band_ranges(r, b, i);
    for (int step = 0; step < r->steps; step++) {
        band_scales(r, &r->num, b, step);
        band_errors(r, b, i);
        for (int64_t g = 0; g < n; g++) {
            if (step > 0 && !(b->error[g] < b->least[g])) continue;
            b->least[g] = b->error[g];
            best[i * n + g] = (uint8_t)step;
            b->improved[step] = true;
        }
    }
}

/* Steps that count, as the peer stops: after the first `patience` steps in a row that improved no
 * group of the tensor. All steps were searched, in parallel over bands. */
static int steps_taken(const search_run *r, const band *bands, int threads)
{
    int idle = 0;
    for (int step = 0; step < r->steps; step++) {
        bool improved = false;
        for (int t = 0; t < threads; t++) improved = improved || bands[t].improved[step];
        idle = improved ? 0 : idle + 1;
        if (r->s->patience && idle >= r->s->patience) return step + 1;
    }
    return r->steps;
}

static vq_status begin(search_run *r, vq_round_job *job, const vq_mse_search *s, const float *w,
                       const vq_qtensor *q, band **bands, vq_err *e)
{
    const int threads = omp_get_max_threads();
    if (q->codes16)
        return vq_fail(e, VQ_E_RECIPE, "mse takes grids of at most 8 bits, not %d; use rtn",
                       q->num.grid.bits);
    *r = (search_run){.job = job, .s = s, .w = w, .q = q, .num = q->num, .steps = s->steps};
    vq_group_size(&q->num, q->rows, q->cols, &r->rows, &r->cols);
    r->bands = (q->rows + r->rows - 1) / r->rows;
    if (s->before_exponent || q->num.global_scale) {
        r->num.global_scale = false;
        r->num.scale = VQ_SCALE_F32;
    }
    *bands = VQ_ALLOC(job->scratch, band, threads, "scale search", e);
    if (!*bands) return VQ_E_LIMIT;
    for (int t = 0; t < threads; t++) VQ_TRY(new_band(&(*bands)[t], r, job->scratch, e));
    return VQ_OK;
}

static void search_all(const search_run *r, band *bands, uint8_t *best)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < r->bands; i++) search_band(r, &bands[omp_get_thread_num()], i, best);
}

vq_status vq_mse_choose(vq_round_job *job, const vq_mse_search *s, const float *w,
                        const vq_qtensor *q, uint8_t *best, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    search_run r = {.q = q};
    band *bands = NULL;
    VQ_TRY(begin(&r, job, s, w, q, &bands, e));
    search_all(&r, bands, best);
    const int taken = steps_taken(&r, bands, omp_get_max_threads());
    if (taken < r.steps) { /* what came after the end of patience does not count */
        r.steps = taken;
        search_all(&r, bands, best);
    }
    vq_arena_rewind(job->scratch, mark);
    return VQ_OK;
}

/* Scales of the steps chosen, one step after the other: each writes the groups that chose it. */
static void apply_scales(const search_run *r, band *b, int64_t i, const uint8_t *best,
                         vq_qtensor *q)
{
    const int64_t n = q->per_row;
    for (int step = 0; step < r->steps; step++) {
        if (!memchr(best + i * n, step, (size_t)n)) continue;
        band_scales(r, &q->num, b, step);
        for (int64_t g = 0; g < n; g++) {
            if (best[i * n + g] != step) continue;
            q->scale[i * n + g] = b->scale[g];
            if (q->zero) q->zero[i * n + g] = b->zero[g];
        }
    }
}

vq_status vq_mse_apply(vq_round_job *job, const vq_mse_search *s, const float *w, vq_qtensor *q,
                       const uint8_t *best, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    search_run r = {.q = q};
    band *bands = NULL;
    VQ_TRY(begin(&r, job, s, w, q, &bands, e));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < r.bands; i++) {
        band *b = &bands[omp_get_thread_num()];
        band_ranges(&r, b, i);
        apply_scales(&r, b, i, best, q);
    }
    vq_arena_rewind(job->scratch, mark);
    return vq_scale_encode(job, w, q, e);
}

/* llm-compressor 0.14 memoryless_mse: the range in steps of a hundredth down to 0.81 of itself. */
static float shrink(int step)
{
    return (float)(1.0 - step / 100.0);
}

/* nvfp4_expanded_mse: from 1.8 times the range in steps of a two-hundredth of that down to 0.81. */
static float half_shrink(int step)
{
    return (float)(1.0 - step / 200.0);
}

/* FP-Quant d2e3092, observer mse: down to 0.208 of the range in a hundred steps. */
static float long_shrink(int step)
{
    return (float)(1.0 - step * 0.8 / 100.0);
}

static const struct {
    const char *name;
    vq_mse_search search;
} named[] = {
    {"memoryless", {.steps = 20, .patience = 5, .power = 2.4, .factor = shrink}},
    {"expanded", {.steps = 111, .power = 2.4, .base = 1.8F, .factor = half_shrink}},
    {"fp-quant", {.steps = 100, .power = 2.4, .factor = long_shrink, .before_exponent = true}},
};

const vq_mse_search *vq_mse_named(const char *name)
{
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].name, name) == 0) return &named[i].search;
    return NULL;
}
