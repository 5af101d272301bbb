/* scale_search.c -- tries candidate after candidate on all groups of a band at once, with the
 * vector kernels. */
#include "quant/search/scale_search.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Offsets from the code of the plain scale. Codes that do not exist, or are too far away
 * (least_ratio, most_ratio), are left out for each group on its own. */
static const int8_t near_codes[] = {0, -1, 1, -2, 2, -3, 3, -4, -5, -6};
static const int8_t near_exponents[] = {0, -1, 1};
static const float least_ratio = 0.66F, most_ratio = 1.25F;
enum { FACTORS = 22, SHRINKS = 9 };

typedef enum way { CODES, EXPONENTS, FACTORED, TWO_ENDS } way;
static const int steps_of[] = {[CODES] = sizeof near_codes,
                               [EXPONENTS] = sizeof near_exponents,
                               [FACTORED] = FACTORS,
                               [TWO_ENDS] = 3 * SHRINKS};

/* All arrays [groups]: the range, the plain scale with the sign that is tried, what is tried, and
 * the best so far. */
typedef struct search {
    const vq_round_job *job;
    const vq_num *num;
    const vq_scale_band *b;
    int64_t n;
    way way;
    float *lo, *hi, *try_lo, *try_hi, *plain, *sign, *effective, *tried, *low,
        *high; /* low, high: best factors of the two ends */
    double *error, *least;
    int16_t *zero;
} search;

enum { FLOATS = 10, DOUBLES = 2 };

uint64_t vq_scale_scratch_bytes(int64_t groups)
{
    return (uint64_t)groups *
               (FLOATS * sizeof(float) + DOUBLES * sizeof(double) + sizeof(int16_t)) +
           256;
}

vq_status vq_scale_scratch_new(vq_scale_scratch *s, int64_t groups, vq_arena *a, vq_err *e)
{
    s->groups = groups;
    s->f = VQ_ALLOC(a, float, FLOATS *groups, "scale search", e);
    s->d = VQ_ALLOC(a, double, DOUBLES *groups, "scale search", e);
    s->z = VQ_NEW(a, int16_t, groups, "scale search", e);
    return s->f && s->d && s->z ? VQ_OK : VQ_E_LIMIT;
}

static way way_of(const vq_num *num)
{
    if (num->scale == VQ_SCALE_E8M0) return EXPONENTS;
    if (vq_scale_grid(num->scale)) return CODES;
    return num->zero == VQ_ZERO_INT ? TWO_ENDS : FACTORED;
}

static search open_search(const vq_round_job *job, const vq_num *num, const vq_scale_band *b,
                          const vq_scale_scratch *s)
{
    search r = {.job = job,
                .num = num,
                .b = b,
                .n = (b->cols + b->width - 1) / b->width,
                .way = way_of(num),
                .zero = s->z};
    float **const f[FLOATS] = {&r.lo,   &r.hi,        &r.try_lo, &r.try_hi, &r.plain,
                               &r.sign, &r.effective, &r.tried,  &r.low,    &r.high};
    for (int i = 0; i < FLOATS; i++) *f[i] = s->f + i * r.n;
    r.error = s->d;
    r.least = s->d + r.n;
    return r;
}

static void find_ranges(const search *r)
{
    for (int64_t row = 0; row < r->b->rows; row++) {
        float *lo = row ? r->try_lo : r->lo, *hi = row ? r->try_hi : r->hi;
        r->job->kernels->range_blocks(r->b->x + row * r->b->ld, (size_t)r->b->cols,
                                      (size_t)r->b->width, lo, hi);
        for (int64_t g = 0; row && g < r->n; g++) {
            r->lo[g] = fminf(r->lo[g], lo[g]);
            r->hi[g] = fmaxf(r->hi[g], hi[g]);
        }
    }
}

static void scales_of(const search *r, const float *lo, const float *hi, float *scale)
{
    r->job->kernels->scale_row(r->num, lo, hi, (size_t)r->n, r->job->global_scale, r->job->arith,
                               scale, r->zero);
}

static bool takes_signs(const search *r)
{
    return r->job->negative_scales && vq_num_takes_negative(r->num);
}

/* How many signs of the scale are tried. The int grids have one more code below zero, so a single
 * sign is enough: the one that puts this code on the side of the largest element (find_plain). A
 * table grid (iq4nl) is different on the two sides, so both are tried. */
static int sides_of(const search *r)
{
    return r->num->grid.kind == VQ_GRID_TABLE && takes_signs(r) ? 2 : 1;
}

static void turn_signs(const search *r)
{
    for (int64_t g = 0; g < r->n; g++) r->sign[g] = -r->sign[g];
}

static void find_plain(const search *r)
{
    const bool signs = takes_signs(r);
    scales_of(r, r->lo, r->hi, r->plain);
    for (int64_t g = 0; g < r->n; g++) {
        r->sign[g] = signs && r->hi[g] > -r->lo[g] ? -1.0F : 1.0F;
        r->low[g] = r->high[g] = 1.0F;
    }
}

/* The scale `offset` codes from the plain one, or the plain one itself when there is no such code
 * or its value is too far away. */
static float code_at(const search *r, int64_t g, int offset)
{
    const float plain = r->plain[g], s = vq_scale_away(vq_scale_grid(r->num->scale), plain, offset,
                                                       r->way == EXPONENTS ? 0 : 1);
    return r->way == CODES && (s < least_ratio * plain || s > most_ratio * plain) ? plain : s;
}

static void propose_codes(const search *r, int step)
{
    const int8_t *offset = r->way == CODES ? near_codes : near_exponents;
    for (int64_t g = 0; g < r->n; g++) r->tried[g] = r->sign[g] * code_at(r, g, offset[step]);
}

static void propose_factor(const search *r, int step)
{
    const float p = step == 0 ? 1.0F : 1.25F - (float)(step - 1) / 32.0F;
    for (int64_t g = 0; g < r->n; g++) {
        r->try_lo[g] = p * r->lo[g];
        r->try_hi[g] = p * r->hi[g];
    }
    scales_of(r, r->try_lo, r->try_hi, r->tried);
    for (int64_t g = 0; g < r->n; g++) r->tried[g] *= r->sign[g];
}

/* Factors on both ends of the range at a step (TWO_ENDS). First both together shrink from 1 to 0.6
 * in steps of 0.05, then the lower end alone, with the upper at its best so far, then the upper end
 * alone. */
static void end_factors(const search *r, int64_t g, int step, float *low, float *high)
{
    const float p = 1.0F - 0.05F * (float)(step % SHRINKS);
    *low = step / SHRINKS == 2 ? r->low[g] : p;
    *high = step / SHRINKS == 1 ? r->high[g] : p;
}

static void propose_ends(const search *r, int step)
{
    for (int64_t g = 0; g < r->n; g++) {
        float low, high;
        end_factors(r, g, step, &low, &high);
        r->try_lo[g] = low * fminf(r->lo[g], 0.0F);
        r->try_hi[g] = high * fmaxf(r->hi[g], 0.0F);
    }
    scales_of(r, r->try_lo, r->try_hi, r->tried);
}

static void propose(const search *r, int step)
{
    if (r->way == FACTORED)
        propose_factor(r, step);
    else if (r->way == TWO_ENDS)
        propose_ends(r, step);
    else
        propose_codes(r, step);
}

static void measure(const search *r)
{
    const vq_scale_band *b = r->b;
    r->job->kernels->effective_row(r->num, r->tried, (size_t)r->n, r->job->global_scale,
                                   r->effective);
    memset(r->error, 0, (size_t)r->n * sizeof *r->error);
    for (int64_t row = 0; row < b->rows; row++)
        r->job->kernels->rounding_errors(r->num, b->x + row * b->ld, b->d, (size_t)b->cols,
                                         (size_t)b->width, r->effective,
                                         r->num->zero == VQ_ZERO_INT ? r->zero : NULL, r->error);
}

static void keep_better(const search *r, int step, bool first, float *scale, int16_t *zero)
{
    for (int64_t g = 0; g < r->n; g++) {
        if (!first && !(r->error[g] < r->least[g])) continue;
        r->least[g] = r->error[g];
        scale[g] = r->tried[g];
        if (zero && r->num->zero == VQ_ZERO_INT) zero[g] = r->zero[g];
        if (r->way == TWO_ENDS) end_factors(r, g, step, &r->low[g], &r->high[g]);
    }
}

/* For each code of a plain scale the first and last code whose value is within least_ratio ...
 * most_ratio of it. */
static void bound_codes(vq_scale_codes *c, int last)
{
    for (int plain = 1; plain <= last; plain++) {
        int lo = plain, hi = plain;
        while (lo > 1 && c->value[lo - 1] >= least_ratio * c->value[plain]) lo--;
        while (hi < last && c->value[hi + 1] <= most_ratio * c->value[plain]) hi++;
        c->first[plain] = (uint8_t)lo;
        c->last[plain] = (uint8_t)hi;
    }
}

const vq_scale_codes *vq_scale_codes_of(vq_scale_codes *c, const vq_round_job *job,
                                        const vq_num *num)
{
    const vq_grid *grid = vq_scale_grid(num->scale);
    if (way_of(num) != CODES || num->zero != VQ_ZERO_NONE || grid->bits > 8 || num->grid.bits > 8)
        return NULL;
    const int last = (int)grid->max_code;
    memset(c, 0, sizeof *c);
    for (int i = 0; i <= last; i++) c->value[i] = vq_decode(grid, (uint32_t)i);
    job->kernels->effective_row(num, c->value, (size_t)last + 1, job->global_scale, c->effective);
    bound_codes(c, last);
    for (uint32_t i = 0; i < 1U << num->grid.bits; i++) {
        const float value = fabsf(vq_decode(&num->grid, i));
        if (isfinite(value)) c->qmax = fmaxf(c->qmax, value);
    }
    return c;
}

/* One row of groups under coded scales. */
static void search_codes(const search *r, const vq_scale_codes *codes, float *scale)
{
    const vq_scale_band *b = r->b;
    const vq_num as_code = {.grid = *vq_scale_grid(r->num->scale)};
    const float one = 1;
    uint8_t *plain = (uint8_t *)r->tried, *negative = (uint8_t *)r->effective;
    r->job->kernels->encode_row(&as_code, r->plain, (size_t)r->n, (size_t)r->n, &one, NULL, plain);
    for (int64_t g = 0; g < r->n; g++) negative[g] = r->sign[g] < 0;
    const vq_code_search s = {.codes = codes,
                              .x = b->x,
                              .d = b->d,
                              .n = (size_t)b->cols,
                              .block = (size_t)b->width,
                              .plain = plain,
                              .negative = negative,
                              .both = sides_of(r) == 2};
    r->job->kernels->search_codes(r->num, &s, r->zero);
    for (int64_t g = 0; g < r->n; g++)
        scale[g] = r->zero[g] < 0 ? -codes->value[-r->zero[g]] : codes->value[r->zero[g]];
}

void vq_scale_search_band(const vq_round_job *job, const vq_num *num, const vq_scale_band *b,
                          const vq_scale_scratch *s, float *scale, int16_t *zero)
{
    const search r = open_search(job, num, b, s);
    find_ranges(&r);
    find_plain(&r);
    if (s->codes && b->rows == 1) {
        search_codes(&r, s->codes, scale);
        return;
    }
    memcpy(r.tried, r.plain, (size_t)r.n * sizeof *r.tried);
    measure(&r);
    keep_better(&r, 0, true, scale, zero);
    for (int i = 0; i < steps_of[r.way] * sides_of(&r); i++) {
        const int step = i % steps_of[r.way];
        if (i > 0 && step == 0) turn_signs(&r);
        propose(&r, step);
        measure(&r);
        keep_better(&r, step, false, scale, zero);
    }
}

static int64_t first_row(const vq_qtensor *q, int64_t group_rows, int64_t band)
{
    return band * group_rows < q->rows ? band * group_rows : q->rows;
}

vq_status vq_scale_search(const vq_round_job *job, const float *w, const float *d, vq_qtensor *q,
                          vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    const int threads = omp_get_max_threads();
    int64_t rows, cols;
    if (q->codes16)
        return vq_fail(e, VQ_E_RECIPE,
                       "a scale search takes grids of at most 8 bits, not %d; use rtn",
                       q->num.grid.bits);
    vq_group_size(&q->num, q->rows, q->cols, &rows, &cols);
    vq_scale_scratch *s = VQ_ALLOC(job->scratch, vq_scale_scratch, threads, "scale search", e);
    if (!s) return VQ_E_LIMIT;
    vq_scale_codes buf;
    const vq_scale_codes *codes = vq_scale_codes_of(&buf, job, &q->num);
    for (int t = 0; t < threads; t++) {
        VQ_TRY(vq_scale_scratch_new(&s[t], q->per_row, job->scratch, e));
        s[t].codes = codes;
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < (q->rows + rows - 1) / rows; i++) {
        const int64_t r0 = first_row(q, rows, i), r1 = first_row(q, rows, i + 1),
                      g = i * q->per_row;
        const vq_scale_band b = {.x = w + r0 * q->cols,
                                 .d = d,
                                 .ld = q->cols,
                                 .rows = r1 - r0,
                                 .cols = q->cols,
                                 .width = cols};
        vq_scale_search_band(job, &q->num, &b, &s[omp_get_thread_num()], q->scale + g,
                             q->zero ? q->zero + g : NULL);
    }
    vq_arena_rewind(job->scratch, mark);
    return VQ_OK;
}

/* One row under the scales of its groups. */
static void encode_row(const vq_round_job *job, const float *x, vq_qtensor *q, int64_t row,
                       float *effective, float *decoded, double *sums)
{
    int64_t rows, cols;
    vq_group_size(&q->num, q->rows, q->cols, &rows, &cols);
    const int64_t g = row / rows * q->per_row;
    const int16_t *zero = q->zero ? q->zero + g : NULL;
    uint8_t *codes = q->codes + row * q->cols;
    job->kernels->effective_row(&q->num, q->scale + g, (size_t)q->per_row, job->global_scale,
                                effective);
    job->kernels->encode_row(&q->num, x, (size_t)q->cols, (size_t)cols, effective, zero, codes);
    job->kernels->decode_row(&q->num, codes, (size_t)q->cols, (size_t)cols, effective, zero,
                             decoded);
    job->kernels->error_sums(x, decoded, (size_t)q->cols, &sums[0], &sums[1]);
}

vq_status vq_scale_encode(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    const int64_t each = q->per_row + q->cols;
    double *sums = VQ_ALLOC(job->scratch, double, 2 * q->rows, "row errors", e);
    float *rows = VQ_ALLOC(job->scratch, float, omp_get_max_threads() * each, "decoded rows", e);
    if (!sums || !rows) return VQ_E_LIMIT;
    q->global_scale = q->num.global_scale ? job->global_scale.value : 1.0F;
    q->global_scale_divides = q->num.global_scale && job->global_scale.divides;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < q->rows; r++) {
        float *mine = rows + omp_get_thread_num() * each;
        encode_row(job, w + r * q->cols, q, r, mine, mine + q->per_row, sums + 2 * r);
    }
    job->signal = job->noise = 0;
    for (int64_t r = 0; r < q->rows; r++) {
        job->signal += sums[2 * r];
        job->noise += sums[2 * r + 1];
    }
    vq_arena_rewind(job->scratch, mark);
    return VQ_OK;
}

float *vq_scale_weights(const float *h, int64_t k, vq_arena *a, vq_err *e)
{
    float most = 0, *d = VQ_ALLOC(a, float, k, "weights of the channels", e);
    if (!d) return NULL;
    for (int64_t i = 0; i < k; i++) most = fmaxf(most, h[i * k + i]);
    for (int64_t i = 0; i < k; i++) d[i] = most > 0 ? h[i * k + i] / most : 1.0F;
    return d;
}
