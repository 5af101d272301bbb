/* quantize_rows.c -- vq_quantize_ref at speed: bands of rows in parallel, a few groups at a time so
 * that everything stays in the cache. */
#include <math.h>

#include "kernels/kernels.h"

#define GROUPS 64  /* groups handled together */
#define PIECE 1024 /* elements decoded together for the sums */
#define SLOTS 256  /* at most this many parts of the matrix, each with its own sums */

typedef struct job {
    const vq_kernels *kr;
    vq_qtensor *q;
    const float *w;
    vq_global_scale global_scale;
    vq_dtype arith;
    int64_t group_rows, group_cols;
    bool scaled;   /* per tensor: the one scale is known already */
    bool measured; /* sums are wanted */
} job;

typedef struct sums {
    double signal, noise;
} sums;

/* Columns [k0, k0 + n) of one row, `groups` groups from g on (index into q->scale), with their
 * effective scales. */
typedef struct span {
    int64_t row, k0, n, g, groups;
    const float *effective;
} span;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const int16_t *zeros_at(const vq_qtensor *q, int64_t group)
{
    return q->zero ? q->zero + group : NULL;
}

/* What the codes of a span mean, against the original, in pieces that hold whole groups or lie
 * inside one. */
static void measure(const job *j, const span *s, sums *to)
{
    float y[PIECE];
    const float *x = j->w + s->row * j->q->cols + s->k0;
    const uint8_t *codes = j->q->codes + s->row * j->q->cols + s->k0;
    const int64_t width = j->group_cols, step = width >= PIECE ? PIECE : PIECE / width * width;
    for (int64_t i = 0, n; i < s->n; i += n) {
        n = least(step, s->n - i);
        if (width > PIECE) n = least(n, width - i % width);
        double xx, dd;
        const int64_t g = i / width;
        j->kr->decode_row(&j->q->num, codes + i, (size_t)n, (size_t)width, s->effective + g,
                          zeros_at(j->q, s->g + g), y);
        j->kr->error_sums(x + i, y, (size_t)n, &xx, &dd);
        to->signal += xx;
        to->noise += dd;
    }
}

static void encode_span(const job *j, const span *s, sums *to)
{
    const int64_t at = s->row * j->q->cols + s->k0;
    j->kr->encode_row(&j->q->num, j->w + at, (size_t)s->n, (size_t)j->group_cols, s->effective,
                      zeros_at(j->q, s->g), j->q->codes + at);
    if (j->measured) measure(j, s, to);
}

/* Ranges of up to GROUPS groups over the rows [r0, r1) of a band. Returns the first row that is not
 * finite, or r1. */
static int64_t ranges(const job *j, int64_t r0, int64_t r1, const span *s, float *lo, float *hi)
{
    float low[GROUPS], high[GROUPS];
    for (int64_t r = r0; r < r1; r++) {
        const float *x = j->w + r * j->q->cols + s->k0;
        if (!j->kr->all_finite(x, (size_t)s->n)) return r;
        j->kr->range_blocks(x, (size_t)s->n, (size_t)j->group_cols, low, high);
        for (int64_t g = 0; g < s->groups; g++) {
            lo[g] = r > r0 && lo[g] < low[g] ? lo[g] : low[g];
            hi[g] = r > r0 && hi[g] > high[g] ? hi[g] : high[g];
        }
    }
    return r1;
}

/* One band: all rows that share scales. Returns its first row that is not finite, or INT64_MAX. */
static int64_t do_band(const job *j, int64_t band, sums *to)
{
    vq_qtensor *q = j->q;
    const int64_t r0 = band * j->group_rows, r1 = least(r0 + j->group_rows, q->rows);
    for (int64_t g = 0; g < q->per_row; g += GROUPS) {
        float lo[GROUPS], hi[GROUPS], effective[GROUPS];
        span s = {.row = r0,
                  .k0 = g * j->group_cols,
                  .groups = least(GROUPS, q->per_row - g),
                  .effective = effective};
        s.g = j->scaled ? 0 : band * q->per_row + g;
        s.n = least(s.groups * j->group_cols, q->cols - s.k0);
        if (!j->scaled) {
            const int64_t bad = ranges(j, r0, r1, &s, lo, hi);
            if (bad < r1) return bad;
            j->kr->scale_row(&q->num, lo, hi, (size_t)s.groups, j->global_scale, j->arith,
                             q->scale + s.g, q->zero ? q->zero + s.g : NULL);
        }
        j->kr->effective_row(&q->num, q->scale + s.g, (size_t)s.groups, j->global_scale, effective);
        for (; s.row < r1; s.row++) encode_span(j, &s, to);
    }
    return INT64_MAX;
}

static vq_status refuse(const job *j, int64_t row, vq_err *e)
{
    const float *x = j->w + row * j->q->cols;
    int64_t k = 0;
    while (k + 1 < j->q->cols && isfinite(x[k])) k++;
    return vq_fail(e, VQ_E_NUMERIC, "element [%lld][%lld] is %s", (long long)row, (long long)k,
                   x[k] != x[k] ? "NaN" : "infinite");
}

/* All bands, in slots whose limits do not depend on the number of threads; their sums are added in
 * order. */
static vq_status do_bands(const job *j, sums *total, vq_err *e)
{
    const int64_t bands = (j->q->rows + j->group_rows - 1) / j->group_rows,
                  slots = least(SLOTS, bands);
    sums part[SLOTS];
    int64_t bad = INT64_MAX;
#pragma omp parallel for schedule(dynamic) reduction(min : bad)
    for (int64_t slot = 0; slot < slots; slot++) {
        part[slot] = (sums){0, 0};
        for (int64_t b = slot * bands / slots; b < (slot + 1) * bands / slots; b++) {
            const int64_t row = do_band(j, b, &part[slot]);
            bad = least(bad, row);
        }
    }
    if (bad < INT64_MAX) return refuse(j, bad, e);
    for (int64_t slot = 0; slot < slots; slot++) {
        total->signal += part[slot].signal;
        total->noise += part[slot].noise;
    }
    return VQ_OK;
}

/* The one scale of a tensor: range over all rows first. */
static vq_status scale_tensor(job *j, vq_err *e)
{
    vq_qtensor *q = j->q;
    float lo = 0, hi = 0;
    int64_t bad = INT64_MAX;
#pragma omp parallel for reduction(min : bad, lo) reduction(max : hi)
    for (int64_t r = 0; r < q->rows; r++) {
        float low, high;
        const float *x = j->w + r * q->cols;
        if (!j->kr->all_finite(x, (size_t)q->cols)) bad = least(bad, r);
        j->kr->range_blocks(x, (size_t)q->cols, (size_t)q->cols, &low, &high);
        lo = low < lo ? low : lo;
        hi = high > hi ? high : hi;
    }
    if (bad < INT64_MAX) return refuse(j, bad, e);
    vq_group_scale(&q->num, lo, hi, j->global_scale, j->arith, q->scale, q->zero);
    j->group_rows = 1;
    j->scaled = true;
    return VQ_OK;
}

/* Grids of more than 8 bits have no vector path: the definition, then the sums element by element.
 */
static vq_status quantize_wide(const job *j, sums *total, vq_err *e)
{
    const vq_qtensor *q = j->q;
    VQ_TRY(vq_quantize_ref(j->q, j->w, j->global_scale, j->arith, e));
    for (int64_t r = 0; j->measured && r < q->rows; r++) {
        for (int64_t k = 0; k < q->cols; k++) {
            const int64_t g = r / j->group_rows * q->per_row + k / j->group_cols,
                          i = r * q->cols + k;
            const float scale = vq_effective_scale(&q->num, q->scale[g], j->global_scale);
            const float d =
                j->w[i] - vq_decode_at(&q->num, q->codes16[i], scale, q->zero ? q->zero[g] : 0);
            total->signal += (double)j->w[i] * (double)j->w[i];
            total->noise += (double)d * (double)d;
        }
    }
    return VQ_OK;
}

vq_status vq_quantize_rows(const vq_kernels *kr, vq_qtensor *q, const float *w,
                           vq_global_scale global_scale, vq_dtype arith, double *signal,
                           double *noise, vq_err *e)
{
    job j = {.kr = kr,
             .q = q,
             .w = w,
             .global_scale = global_scale,
             .arith = arith,
             .measured = signal || noise};
    sums total = {0, 0};
    vq_group_size(&q->num, q->rows, q->cols, &j.group_rows, &j.group_cols);
    if (q->rows > 0 && q->cols > 0) {
        q->global_scale = q->num.global_scale ? global_scale.value : 1.0F;
        q->global_scale_divides = q->num.global_scale && global_scale.divides;
        if (q->codes16) {
            VQ_TRY(quantize_wide(&j, &total, e));
        } else {
            if (q->groups == 1) VQ_TRY(scale_tensor(&j, e));
            VQ_TRY(do_bands(&j, &total, e));
        }
    }
    if (signal) *signal = total.signal;
    if (noise) *noise = total.noise;
    return VQ_OK;
}

void vq_decode_rows(const vq_kernels *kr, const vq_qtensor *q, float *out, int64_t ld)
{
    const vq_global_scale global_scale = {q->global_scale, q->global_scale_divides};
    int64_t group_rows, group_cols;
    vq_group_size(&q->num, q->rows, q->cols, &group_rows, &group_cols);
#pragma omp parallel for
    for (int64_t r = 0; r < q->rows; r++) {
        if (q->codes16) {
            vq_dequantize_ref(q, r, 1, out + r * ld);
            continue;
        }
        for (int64_t g = 0; g < q->per_row; g += GROUPS) {
            float effective[GROUPS];
            const int64_t groups = least(GROUPS, q->per_row - g), k0 = g * group_cols,
                          n = least(groups * group_cols, q->cols - k0);
            const int64_t at = r / group_rows * q->per_row + g;
            kr->effective_row(&q->num, q->scale + at, (size_t)groups, global_scale, effective);
            kr->decode_row(&q->num, q->codes + r * q->cols + k0, (size_t)n, (size_t)group_cols,
                           effective, zeros_at(q, at), out + r * ld + k0);
        }
    }
}
