/* fake_quant.c -- quantized inputs of a linear: per token, static, by block, and with the residual
 * channels of ARC. */
#include <assert.h>
#include <float.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"

#define PIECE 1024  /* elements handled together */
#define GROUPS 1024 /* at most this many groups in a piece */

typedef struct row {
    const vq_kernels *kr;
    const vq_act_spec *spec;
    const vq_num *num;
    const float *x;
    int64_t k, width; /* channels; elements under one scale */
    vq_global_scale global_scale;
    const vq_act_codes *to;
} row;

/* One piece of a row, quantized: groups of `width`. */
typedef struct piece {
    int64_t n, groups;
    float scale[GROUPS], effective[GROUPS];
    int16_t zero[GROUPS];
    uint8_t codes[PIECE];
    float value[PIECE]; /* what the codes mean */
} piece;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Elements [from, from + n) of the piece go out as elements at ... of the row, their groups as g
 * ... */
static void emit(const row *r, const piece *p, int64_t from, int64_t n, int64_t at, int64_t g)
{
    const int64_t i = from / r->width, groups = (n + r->width - 1) / r->width;
    const vq_act_codes *to = r->to;
    if (to->codes) memcpy(to->codes + at, p->codes + from, (size_t)n);
    if (to->scale) memcpy(to->scale + g, p->scale + i, (size_t)groups * sizeof *to->scale);
    if (to->zero) memcpy(to->zero + g, p->zero + i, (size_t)groups * sizeof *to->zero);
    if (to->out) memcpy(to->out + at, p->value + from, (size_t)n * sizeof *to->out);
}

static void scale_of_ranges(const row *r, const float *lo, const float *hi, piece *p)
{
    for (int64_t g = 0; g < p->groups; g++) p->zero[g] = 0;
    r->kr->scale_row(r->num, lo, hi, (size_t)p->groups, r->global_scale, VQ_F32, p->scale, p->zero);
    r->kr->effective_row(r->num, p->scale, (size_t)p->groups, r->global_scale, p->effective);
}

static void decode(const row *r, piece *p)
{
    const int16_t *zero = r->num->zero == VQ_ZERO_NONE ? NULL : p->zero;
    if (r->to->out)
        r->kr->decode_row(r->num, p->codes, (size_t)p->n, (size_t)r->width, p->effective, zero,
                          p->value);
}

static void encode(const row *r, const float *x, piece *p)
{
    const int16_t *zero = r->num->zero == VQ_ZERO_NONE ? NULL : p->zero;
    r->kr->encode_row(r->num, x, (size_t)p->n, (size_t)r->width, p->effective, zero, p->codes);
    decode(r, p);
}

/* One group wider than a piece, or the whole row: elements [from, from + n), the g-th group. Its
 * scale is given or comes from its range. */
static void wide_group(const row *r, int64_t from, int64_t n, int64_t g)
{
    piece p;
    p.groups = 1;
    if (r->spec->scale != 0) {
        p.scale[0] = p.effective[0] = r->spec->scale;
        p.zero[0] = r->spec->zero;
    } else {
        float lo, hi;
        r->kr->range_blocks(r->x + from, (size_t)n, (size_t)n, &lo, &hi);
        /* cppcheck-suppress ctuuninitvar ; only p.groups is read, and that is set */
        scale_of_ranges(r, &lo, &hi, &p);
    }
    for (int64_t i = 0; i < n; i += PIECE) {
        p.n = least(PIECE, n - i);
        encode(r, r->x + from + i, &p);
        emit(r, &p, 0, p.n, from + i, g);
    }
}

static void by_blocks(const row *r)
{
    float lo[GROUPS], hi[GROUPS];
    piece p;
    const int64_t step = PIECE / r->width * r->width;
    for (int64_t i = 0; i < r->k; i += p.n) {
        p.n = least(step, r->k - i);
        p.groups = (p.n + r->width - 1) / r->width;
        r->kr->range_blocks(r->x + i, (size_t)p.n, (size_t)r->width, lo, hi);
        scale_of_ranges(r, lo, hi, &p);
        encode(r, r->x + i, &p);
        emit(r, &p, 0, p.n, i, i / r->width);
    }
}

/* The arithmetic of the ARC kernels: x is already over the second scale, elements are multiplied by
 * the reciprocal of the stored scale. */
static void kernel_encode(const row *r, const float *x, float *lo, float *hi, piece *p)
{
    float y[PIECE], one[GROUPS], unit[GROUPS];
    const vq_global_scale none = {1.0F, false};
    for (int64_t g = 0; g < p->groups; g++) {
        if (hi[g] < FLT_MIN && -lo[g] < FLT_MIN)
            hi[g] = FLT_MIN; /* a group of zeros has the smallest scale */
        one[g] = 1.0F;
        p->zero[g] = 0;
    }
    r->kr->scale_row(r->num, lo, hi, (size_t)p->groups, none, VQ_F32, p->scale, p->zero);
    r->kr->effective_row(r->num, p->scale, (size_t)p->groups, none, unit);
    for (int64_t g = 0; g < p->groups; g++) {
        const float inverse = 1.0F / unit[g];
        for (int64_t i = g * r->width; i < (g + 1) * r->width; i++) y[i] = x[i] * inverse;
    }
    r->kr->encode_row(r->num, y, (size_t)p->n, (size_t)r->width, one, NULL, p->codes);
    r->kr->effective_row(r->num, p->scale, (size_t)p->groups, r->global_scale, p->effective);
    decode(r, p);
}

static void arc_encode(const row *r, const float *x, piece *p)
{
    float lo[GROUPS], hi[GROUPS];
    r->kr->range_blocks(x, (size_t)p->n, (size_t)r->width, lo, hi);
    if (r->num->global_scale) {
        kernel_encode(r, x, lo, hi, p);
        return;
    }
    scale_of_ranges(r, lo, hi, p);
    encode(r, x, p);
}

/* What the codes of p leave over of x. */
static void residual(const row *r, const float *x, const piece *p, float *rest)
{
    float unit[GROUPS];
    r->kr->effective_row(r->num, p->scale, (size_t)p->groups, (vq_global_scale){1.0F, false}, unit);
    r->kr->decode_row(r->num, p->codes, (size_t)p->n, (size_t)r->width, unit, NULL, rest);
    for (int64_t i = 0; i < p->n; i++) rest[i] = x[i] - rest[i];
}

static void gather(const row *r, int64_t from, int64_t n, float *x)
{
    const float second = r->global_scale.value;
    for (int64_t i = 0; i < n; i++) x[i] = r->x[r->spec->order[from + i]];
    if (!r->num->global_scale) return;
    if (r->global_scale.divides)
        for (int64_t i = 0; i < n; i++) x[i] *= second;
    else
        for (int64_t i = 0; i < n; i++) x[i] /= second;
}

/* Blocks before the last s channels go out as they are, the others each followed by the block of
 * their residual. */
static void with_residuals(const row *r)
{
    float x[PIECE], rest[PIECE];
    piece p, extra;
    const int64_t w = r->width, plain = r->k - r->spec->s;
    assert(w <= PIECE && r->k % w == 0 && plain >= 0 && plain % w == 0);
    for (int64_t i = 0; i < r->k; i += p.n) {
        p.n = least(PIECE / w * w, (i < plain ? plain : r->k) - i);
        p.groups = extra.groups = p.n / w;
        gather(r, i, p.n, x);
        arc_encode(r, x, &p);
        if (i < plain) {
            emit(r, &p, 0, p.n, i, i / w);
            continue;
        }
        extra.n = p.n;
        residual(r, x, &p, rest);
        arc_encode(r, rest, &extra);
        for (int64_t g = 0; g < p.groups; g++) {
            const int64_t at = plain + 2 * (i - plain + g * w);
            emit(r, &p, g * w, w, at, at / w);
            emit(r, &extra, g * w, w, at + w, at / w + 1);
        }
    }
}

vq_global_scale vq_act_encode(const vq_kernels *kr, const vq_act_spec *spec, const float *x,
                              int64_t k, const vq_act_codes *to)
{
    const vq_num *num = spec->num;
    const bool blocks = num->group.kind == VQ_PER_BLOCK;
    row r = {kr, spec, num, x, k, blocks ? num->group.cols : k, spec->global_scale, to};
    if (num->global_scale && r.global_scale.value == 0)
        r.global_scale = vq_global_scale_from_amax(num, kr->absmax(x, (size_t)k), VQ_F32);
    if (spec->order)
        with_residuals(&r);
    else if (blocks && r.width <= PIECE)
        by_blocks(&r);
    else
        for (int64_t i = 0; i < k; i += r.width)
            wide_group(&r, i, least(r.width, k - i), i / r.width);
    return r.global_scale;
}

vq_status vq_fake_quant(const vq_kernels *kr, const vq_act_spec *spec, const float *x, int64_t m,
                        int64_t k, float *out, vq_err *e)
{
    int64_t bad = INT64_MAX;
#pragma omp parallel for reduction(min : bad) if (m * k > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < m; i++) {
        if (!kr->all_finite(x + i * k, (size_t)k)) {
            bad = least(bad, i);
            continue;
        }
        vq_act_encode(kr, spec, x + i * k, k, &(vq_act_codes){.out = out + i * (k + spec->s)});
    }
    if (bad == INT64_MAX) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC, "row %lld of a linear's input has a NaN or an infinity",
                   (long long)bad);
}
