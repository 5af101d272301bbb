/* learn.c -- trained weights, their scales, and the state that loses least. */
#include "quant/round/learn.h"

#include <math.h>
#include <string.h>

/* Columns of a span at most, and so groups of a span at most. */
enum { PIECE = 1024, GROUPS = PIECE };

/* Range of the factors on scales. Those of AutoRound start from the range of the group; here the
 * start may be what a search has already made wider or narrower. */
static const float least_factor = 0.5F, most_factor = 1.5F;

typedef struct layout {
    int64_t rows, cols; /* of a group */
} layout;

static layout layout_of(const vq_qtensor *q)
{
    layout y;
    vq_group_size(&q->num, q->rows, q->cols, &y.rows, &y.cols);
    return y;
}

/* Columns [k0, k0 + n) of a row: whole groups, or a part of one. */
typedef struct span {
    int64_t k0, n, group; /* group: of the first column, index into the scales */
    int64_t part;         /* of the first column, index into the row's groups */
    size_t width;
} span;

static span span_at(const vq_qtensor *q, layout y, int64_t row, int64_t k0)
{
    const int64_t whole = y.cols < PIECE ? PIECE / y.cols * y.cols : PIECE;
    int64_t end = k0 + whole;
    if (y.cols > PIECE && end > (k0 / y.cols + 1) * y.cols) end = (k0 / y.cols + 1) * y.cols;
    if (end > q->cols) end = q->cols;
    const int64_t part = k0 / y.cols;
    return (span){k0, end - k0, row / y.rows * q->per_row + part, part, (size_t)y.cols};
}

static const int16_t *zeros_at(const vq_qtensor *q, int64_t group)
{
    return q->zero ? q->zero + group : NULL;
}

static void encode(const vq_learn *l, int64_t row, const span *s)
{
    const int64_t at = row * l->q->cols + s->k0;
    l->kernels->encode_row(&l->q->num, l->x + at, (size_t)s->n, s->width, l->effective + s->group,
                           zeros_at(l->q, s->group), l->q->codes + at);
}

static void decode(const vq_learn *l, int64_t row, const span *s, float *y)
{
    const int64_t at = row * l->q->cols + s->k0;
    l->kernels->decode_row(&l->q->num, l->q->codes + at, (size_t)s->n, s->width,
                           l->effective + s->group, zeros_at(l->q, s->group), y);
}

/* A quarter of the smaller gap between `value` of a table grid and the values beside it. */
static float quarter_gap(const vq_grid *g, float value)
{
    const uint32_t code = vq_encode(g, value), last = (1U << g->bits) - 1;
    const float below = code > 0 ? value - g->table[code - 1] : INFINITY,
                above = code < last ? g->table[code + 1] - value : INFINITY;
    return 0.25F * fminf(below, above);
}

/* A distance d such that everything nearer to `value` rounds to it. d is a quarter of the grid step
 * that begins at |value|. For ints and tables that is well inside: half a step would do. For
 * floats, at a power of two, the step towards zero is half as long, so its rounding boundary lies
 * just at d. */
static float quarter_step(const vq_grid *g, float value)
{
    if (g->kind == VQ_GRID_TABLE) return quarter_gap(g, value);
    if (g->kind == VQ_GRID_INT) return ldexpf(0.25F, -g->frac);
    const int low = 1 - g->bias, e = value != 0 ? ilogbf(value) : low;
    return ldexpf(0.25F, (e > low ? e : low) - g->mbits);
}

/* Where the training of weight w starts when its code is not the one nearest to w but one that
 * means y: close to y, on the side of w, at 0.96 of the distance inside which it rounds to y. */
static float start_of(const vq_qtensor *q, float w, float y, float scale)
{
    const float move = 0.96F * quarter_step(&q->num.grid, y / scale) * fabsf(scale);
    return w > y ? y + move : y - move;
}

/* Start values x of one span: the weight itself where it rounds to the code of q, else a point near
 * what that code means. */
static void start_span(const vq_learn *l, const float *w, int64_t row, const span *s)
{
    float y[PIECE], nearest[PIECE];
    uint8_t codes[PIECE];
    const int64_t at = row * l->q->cols + s->k0;
    decode(l, row, s, y);
    l->kernels->encode_row(&l->q->num, w + at, (size_t)s->n, s->width, l->effective + s->group,
                           zeros_at(l->q, s->group), codes);
    l->kernels->decode_row(&l->q->num, codes, (size_t)s->n, s->width, l->effective + s->group,
                           zeros_at(l->q, s->group), nearest);
    for (int64_t i = 0; i < s->n; i++) {
        const float scale = l->effective[s->group + i / (int64_t)s->width];
        l->x[at + i] = nearest[i] == y[i] ? w[at + i] : start_of(l->q, w[at + i], y[i], scale);
    }
}

static void effective_scales(vq_learn *l)
{
    const vq_global_scale global_scale = {l->q->global_scale, l->q->global_scale_divides};
    l->kernels->effective_row(&l->q->num, l->q->scale, (size_t)l->q->groups, global_scale,
                              l->effective);
}

static vq_status allocate(vq_learn *l, bool clip, vq_arena *a, vq_err *e)
{
    const vq_qtensor *q = l->q;
    const size_t groups = (size_t)q->groups;
    l->x = VQ_ALLOC(a, float, q->rows * q->cols, "trained weight", e);
    l->codes = VQ_ALLOC(a, uint8_t, q->rows * q->cols, "best codes", e);
    l->slope = VQ_ALLOC(a, float, q->rows * q->per_row, "gradients of scales", e);
    float *of_groups = VQ_ALLOC(a, float, clip ? 4 * groups : groups, "trained scales", e);
    if (!l->x || !l->codes || !l->slope || !of_groups) return VQ_E_LIMIT;
    l->effective = of_groups;
    if (!clip) return VQ_OK;
    l->first = of_groups + groups, l->factor = of_groups + 2 * groups,
    l->best_scale = of_groups + 3 * groups;
    return VQ_OK;
}

vq_status vq_learn_init(vq_learn *l, const vq_kernels *kr, const float *w, vq_qtensor *q, bool clip,
                        vq_arena *a, vq_err *e)
{
    *l = (vq_learn){.kernels = kr, .q = q};
    if (q->codes16)
        return vq_fail(e, VQ_E_RECIPE, "learned takes grids of at most 8 bits, not %d; use rtn",
                       q->num.grid.bits);
    VQ_TRY(allocate(l, clip, a, e));
    effective_scales(l);
    for (int64_t g = 0; clip && g < q->groups; g++) {
        l->first[g] = q->scale[g];
        l->factor[g] = 1.0F;
    }
    const layout y = layout_of(q);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < q->rows; row++) {
        span s;
        for (int64_t k = 0; k < q->cols; k += s.n) {
            s = span_at(q, y, row, k);
            start_span(l, w, row, &s);
        }
    }
    vq_learn_keep(l);
    return VQ_OK;
}

/* Moves one row of x against its gradient dw and fills the slopes of its groups: d loss / d factor
 * of each, up to a positive factor. A group wider than PIECE is walked in several spans, whose
 * slopes add up. */
static void nudge(vq_learn *l, layout layout_, const float *dw, float rate, int64_t row)
{
    float y[PIECE], slope[GROUPS];
    float *to = l->slope + row * l->q->per_row;
    memset(to, 0, (size_t)l->q->per_row * sizeof *to);
    span s;
    for (int64_t k = 0; k < l->q->cols; k += s.n) {
        s = span_at(l->q, layout_, row, k);
        decode(l, row, &s, y);
        const int64_t at = row * l->q->cols + k,
                      groups = (s.n + (int64_t)s.width - 1) / (int64_t)s.width;
        l->kernels->nudge_row(&l->q->num, l->x + at, y, dw + at, (size_t)s.n, s.width,
                              l->effective + s.group, rate, slope);
        for (int64_t g = 0; g < groups; g++) to[s.part + g] += slope[g];
    }
}

static float limited(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* The stored scale nearest to s. */
static float stored_scale(const vq_num *num, float s)
{
    const vq_grid *g = vq_scale_grid(num->scale);
    if (!g) {
        const vq_dtype type = num->scale == VQ_SCALE_BF16  ? VQ_BF16
                              : num->scale == VQ_SCALE_F16 ? VQ_F16
                                                           : VQ_F32;
        return vq_round_to(type, s);
    }
    return vq_decode(g, vq_encode(g, s));
}

/* Moves the factor of one group against the sign of its gradient, summed over the group's rows, by
 * `rate` of itself, and sets the scale: the nearest that its type can store. A scale of 0 or
 * infinity is not stored: the last one stays. */
static void turn_factor(vq_learn *l, layout y, int64_t group, float rate)
{
    const vq_qtensor *q = l->q;
    const int64_t r0 = group / q->per_row * y.rows, part = group % q->per_row;
    double slope = 0;
    for (int64_t row = r0; row < r0 + y.rows && row < q->rows; row++)
        slope += (double)l->slope[row * q->per_row + part];
    const float move = slope > 0 ? -rate : slope < 0 ? rate : 0.0F;
    l->factor[group] = limited(l->factor[group] * (1.0F + move), least_factor, most_factor);
    const float s = stored_scale(&q->num, l->first[group] * l->factor[group]);
    if (s != 0 && isfinite(s)) q->scale[group] = s;
}

void vq_learn_step(vq_learn *l, const float *dw, float rate, float clip_rate)
{
    const vq_qtensor *q = l->q;
    const layout y = layout_of(q);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < q->rows; row++) nudge(l, y, dw, rate, row);
    if (l->factor) {
#pragma omp parallel for schedule(static)
        for (int64_t g = 0; g < q->groups; g++) turn_factor(l, y, g, clip_rate);
        effective_scales(l);
    }
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < q->rows; row++) {
        span s;
        for (int64_t k = 0; k < q->cols; k += s.n) {
            s = span_at(q, y, row, k);
            encode(l, row, &s);
        }
    }
}

void vq_learn_keep(vq_learn *l)
{
    memcpy(l->codes, l->q->codes, (size_t)(l->q->rows * l->q->cols));
    if (l->factor) memcpy(l->best_scale, l->q->scale, (size_t)l->q->groups * sizeof *l->best_scale);
}

void vq_learn_store(vq_learn *l)
{
    memcpy(l->q->codes, l->codes, (size_t)(l->q->rows * l->q->cols));
    if (l->factor) memcpy(l->q->scale, l->best_scale, (size_t)l->q->groups * sizeof *l->best_scale);
    effective_scales(l);
}

size_t vq_learn_bytes(const vq_num *num, int64_t rows, int64_t cols, bool clip)
{
    int64_t per_row = 1, groups = 0;
    if (vq_group_count(num, rows, cols, &per_row, &groups, NULL) != VQ_OK) return 0;
    return (size_t)(rows * cols) * 5 + (size_t)(rows * per_row) * 4 +
           (size_t)groups * (clip ? 16 : 4);
}
