/* descend.c -- coordinate descent, a block of columns at a time. All rows look at once whether they
 * could do better, and under which scale, 64 of them in a vector's lanes; those that could then
 * change one after the other, because rows know of each other (H_O). A row that only could because
 * of those is left to the next pass. */
#include "quant/round/descend.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { STRIP = 64, WIDTH = 16, WIDEST = 128 };
/* Neighbours of a scale: codes away, and 64ths of a float scale. */
enum { NEAR = 3 };

/* Buffers of one thread. */
typedef struct desk {
    float *errors; /* [STRIP][k] */
    /* [width][STRIP], a column of the strip contiguous: what the codes mean; what the rest of the
     * matrix asks for, before and after the columns to its left changed; what is chosen; y less
     * that; scales */
    float *y, *asked, *target, *chosen, *changed, *effective;
    int16_t *zero;
    uint8_t *codes;
} desk;

typedef struct descent {
    const vq_descent *d;
    vq_qtensor *q;
    int64_t strips, blocks, width, group_rows, group_cols;
    bool whole;     /* a block of columns is one group of each row: it can have another scale */
    float *product; /* E H_I [n][k] */
    float *square, *chain;    /* [blocks][width][width]: H_I; that over its diagonal, by column */
    float *gradient, *change; /* H_O E H_I of the block at hand, and of E; [strips][width][STRIP] */
    bool *could;  /* [n] the row has something better, or had before rows above it changed */
    float *scale; /* [n] the scale that it has it under, as stored */
    desk *desks;
    vq_gptq_result *sums; /* [strips] */
} descent;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t strip_end(const descent *s, int64_t strip)
{
    return least((strip + 1) * STRIP, s->q->rows);
}

static int64_t block_cols(const descent *s, int64_t block)
{
    return least(s->width, s->q->cols - block * s->width);
}

static double at(const vq_side *s, int64_t i, int64_t j)
{
    if (!s->h) return i == j;
    const double h = (double)s->h[i * s->size + j];
    return i == j ? h + s->added : s->kept * h;
}

/* Entry i of s x, x_i = own, from what h x is there. */
static float diagonal_too(const vq_side *s, int64_t i, float product, float own)
{
    const double diag = (double)s->h[i * s->size + i];
    return (float)(s->kept * (double)product + (diag + s->added - s->kept * diag) * (double)own);
}

static bool in_rows(const vq_num *num)
{
    return num->group.kind == VQ_PER_BLOCK && num->group.rows == 1 && num->group.cols <= WIDEST;
}

static int64_t width_of(const vq_num *num)
{
    return in_rows(num) ? num->group.cols : WIDTH;
}

static void make_square(const descent *s, int64_t block)
{
    const vq_side *in = &s->d->in;
    const int64_t j0 = block * s->width, cols = block_cols(s, block);
    float *square = s->square + block * s->width * s->width,
          *chain = s->chain + block * s->width * s->width;
    for (int64_t i = 0; i < cols; i++) {
        for (int64_t j = 0; j < cols; j++) {
            square[i * s->width + j] = (float)at(in, j0 + i, j0 + j);
            chain[i * s->width + j] = (float)(at(in, j0 + i, j0 + j) / at(in, j0 + j, j0 + j));
        }
    }
}

static int64_t group_of(const descent *s, int64_t row, int64_t column)
{
    return row / s->group_rows * s->q->per_row + column / s->group_cols;
}

/* Scales and zero points of columns [j0, j0 + n) of a row, element by element. */
static void element_scales(const descent *s, int64_t row, int64_t j0, int64_t n, float *effective,
                           int16_t *zero)
{
    float stored[WIDEST];
    for (int64_t j = 0; j < n; j++) {
        const int64_t g = group_of(s, row, j0 + j);
        stored[j] = s->q->scale[g];
        zero[j] = s->q->zero ? s->q->zero[g] : 0;
    }
    s->d->job->kernels->effective_row(&s->q->num, stored, (size_t)n, s->d->job->global_scale,
                                      effective);
}

static void meanings(const descent *s, const uint8_t *codes, int64_t n, const float *effective,
                     const int16_t *zero, float *y)
{
    s->d->job->kernels->decode_row(&s->q->num, codes, (size_t)n, s->whole ? (size_t)n : 1,
                                   effective, zero, y);
}

/* E of a strip, [rows][k]. */
static float *strip_errors(const descent *s, int64_t strip)
{
    const int64_t k = s->q->cols, i0 = strip * STRIP;
    float *errors = s->desks[omp_get_thread_num()].errors, effective[WIDEST], y[WIDEST];
    int16_t zero[WIDEST];
    for (int64_t row = i0; row < strip_end(s, strip); row++) {
        for (int64_t b = 0; b < s->blocks; b++) {
            const int64_t j0 = b * s->width, n = block_cols(s, b), first = row * k + j0;
            element_scales(s, row, j0, n, effective, zero);
            meanings(s, s->q->codes + first, n, effective, zero, y);
            for (int64_t j = 0; j < n; j++)
                errors[(row - i0) * k + j0 + j] = s->d->w[first + j] - y[j];
        }
    }
    return errors;
}

/* product = E H_I for the rows of a strip. */
static void start_strip(const descent *s, int64_t strip)
{
    const vq_side *in = &s->d->in;
    const int64_t k = s->q->cols, rows = strip_end(s, strip) - strip * STRIP;
    const float *errors = strip_errors(s, strip);
    float *product = s->product + strip * STRIP * k;
    vq_gemm_tile_nn(s->d->job->kernels, rows, k, k, errors, k, in->h, k, product, k);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < k; j++)
            product[r * k + j] = diagonal_too(in, j, product[r * k + j], errors[r * k + j]);
}

/* gradient = H_O E H_I for the rows of a strip and a block of columns; columns that must stay have
 * none. */
static void find_gradient(const descent *s, int64_t strip, int64_t block)
{
    const vq_side *out = &s->d->out;
    const int64_t n = s->q->rows, k = s->q->cols, i0 = strip * STRIP, cols = block_cols(s, block),
                  rows = strip_end(s, strip) - i0;
    const float *product = s->product + block * s->width;
    float *gradient = s->gradient + i0 * s->width;
    memset(gradient, 0, (size_t)(s->width * STRIP) * sizeof *gradient);
    if (out->h)
        vq_gemm_tile_tn_add(s->d->job->kernels, n, cols, rows, product, k, out->h + i0, n, gradient,
                            STRIP);
    for (int64_t j = 0; j < cols; j++) {
        const bool dead = s->d->in.h[(block * s->width + j) * (k + 1)] == 0;
        for (int64_t r = 0; r < rows; r++) {
            float *g = gradient + j * STRIP + r;
            const float own = product[(i0 + r) * k + j];
            *g = out->h ? diagonal_too(out, i0 + r, *g, own) : own;
            if (dead && s->d->zero_dead) *g = 0;
        }
    }
}

/* A neighbour of a scale, or that scale where there is none. */
static float neighbour(const vq_num *num, float stored, int away)
{
    const vq_grid *grid = vq_scale_grid(num->scale);
    if (grid) return copysignf(vq_scale_away(grid, fabsf(stored), away, 1), stored);
    return vq_round_to(vq_scale_real(num->scale), stored * (1.0F + (float)away / 64.0F));
}

/* What is asked of an element: what it means, and a step down its gradient. */
static float asked(float y, float gradient, float h_out, float h_in)
{
    return y + gradient / (h_out * h_in);
}

/* Meanings, scales and zero points of a strip in a block of columns, turned into columns; and what
 * is asked of them. */
static void load_strip(const descent *s, const desk *d, int64_t strip, int64_t block)
{
    const int64_t i0 = strip * STRIP, j0 = block * s->width, cols = block_cols(s, block);
    const float *gradient = s->gradient + i0 * s->width,
                *square = s->square + block * s->width * s->width;
    float effective[WIDEST], y[WIDEST];
    int16_t zero[WIDEST];
    for (int64_t row = i0; row < strip_end(s, strip); row++) {
        const float h = (float)at(&s->d->out, row, row);
        element_scales(s, row, j0, cols, effective, zero);
        meanings(s, s->q->codes + row * s->q->cols + j0, cols, effective, zero, y);
        for (int64_t j = 0; j < cols; j++) {
            const int64_t to = j * STRIP + row - i0;
            d->y[to] = y[j], d->effective[to] = effective[j], d->zero[to] = zero[j];
            d->asked[to] = asked(y[j], gradient[to], h, square[j * s->width + j]);
        }
    }
}

/* Rounds the columns of a strip one after the other, each row for itself. gain[row], over the row's
 * own curvature: what becomes of the objective, below zero is better. effective: [STRIP] for all
 * columns, NULL: what they have. */
static void try_strip(const descent *s, const desk *d, int64_t block, int64_t rows,
                      const float *effective, double *gain)
{
    const vq_kernels *kr = s->d->job->kernels;
    const int64_t cols = block_cols(s, block), at_block = block * s->width * s->width;
    const float *square = s->square + at_block, *chain = s->chain + at_block;
    memcpy(d->target, d->asked, (size_t)(cols * STRIP) * sizeof *d->target);
    memset(gain, 0, STRIP * sizeof *gain);
    for (int64_t j = 0; j < cols; j++) {
        const int64_t c = j * STRIP;
        const double h = (double)square[j * s->width + j];
        kr->add_rows(d->target + c, d->changed, STRIP, chain + j, (size_t)s->width, (size_t)j,
                     (size_t)rows);
        kr->round_each(&s->q->num, d->target + c, (size_t)rows,
                       effective ? effective : d->effective + c, s->q->zero ? d->zero + c : NULL,
                       d->codes, d->chosen + c);
        kr->add_squares(gain, d->target + c, d->chosen + c, h, (size_t)rows);
        kr->add_squares(gain, d->target + c, d->y + c, -h, (size_t)rows);
        for (int64_t r = 0; r < rows; r++) d->changed[c + r] = d->y[c + r] - d->chosen[c + r];
    }
}

/* Under a neighbour of the scale that each row has. */
static void try_scale(const descent *s, const desk *d, int64_t strip, int64_t block, int away,
                      double *best)
{
    const int64_t i0 = strip * STRIP, rows = strip_end(s, strip) - i0;
    float stored[STRIP], effective[STRIP];
    double gain[STRIP];
    for (int64_t r = 0; r < rows; r++)
        stored[r] = neighbour(&s->q->num, s->q->scale[group_of(s, i0 + r, block * s->width)], away);
    s->d->job->kernels->effective_row(&s->q->num, stored, (size_t)rows, s->d->job->global_scale,
                                      effective);
    try_strip(s, d, block, rows, effective, gain);
    for (int64_t r = 0; r < rows; r++) {
        if (!(gain[r] < best[r])) continue;
        best[r] = gain[r];
        s->scale[i0 + r] = stored[r];
    }
}

/* What a row's change, times H_I, does to the gradients of those below it. */
static void tell_rows(const descent *s, int64_t row, const float *carried, int64_t cols)
{
    for (int64_t below = row + 1; s->d->out.h && below < s->q->rows; below++) {
        if (!s->could[below]) continue;
        const float v = (float)at(&s->d->out, row, below);
        float *g = s->gradient + below / STRIP * STRIP * s->width + below % STRIP;
        for (int64_t j = 0; j < cols; j++) g[j * STRIP] += v * carried[j];
    }
}

/* A row's part of a block: what it means, what is chosen instead, and y less that. */
typedef struct part {
    float y[WIDEST], chosen[WIDEST], change[WIDEST];
    uint8_t codes[WIDEST];
} part;

/* Rounds it under the scale that was found for the row, and says what becomes of the objective over
 * the row's own curvature. */
static double round_part(const descent *s, int64_t row, int64_t block, part *p)
{
    const int64_t j0 = block * s->width, cols = block_cols(s, block), area = s->width * s->width,
                  first = row / STRIP * STRIP * s->width + row % STRIP;
    const float *square = s->square + block * area, h = (float)at(&s->d->out, row, row);
    float effective[WIDEST], target[WIDEST], *scale = &s->q->scale[group_of(s, row, j0)];
    const float old = *scale;
    int16_t zero[WIDEST];
    element_scales(s, row, j0, cols, effective, zero);
    meanings(s, s->q->codes + row * s->q->cols + j0, cols, effective, zero, p->y);
    for (int64_t j = 0; j < cols; j++)
        target[j] = asked(p->y[j], s->gradient[first + j * STRIP], h, square[j * s->width + j]);
    if (s->whole) {
        *scale = s->scale[row];
        element_scales(s, row, j0, cols, effective, zero);
        *scale = old;
    }
    s->d->job->kernels->round_chain(&s->q->num, target, (size_t)cols, p->y, effective,
                                    s->q->zero ? zero : NULL, s->chain + block * area,
                                    (size_t)s->width, p->codes, p->chosen);
    double gain = 0;
    for (int64_t j = 0; j < cols; j++) {
        const double to = (double)target[j] - (double)p->chosen[j],
                     from = (double)target[j] - (double)p->y[j];
        gain += (double)square[j * s->width + j] * (to * to - from * from);
        p->change[j] = p->y[j] - p->chosen[j];
    }
    return gain;
}

/* Groups of zeros are refused later (checks.zeros). */
static bool is_zero(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] != 0) return false;
    return true;
}

/* One row of a block takes what was found for it, if that is still better. */
static void change_row(const descent *s, int64_t row, int64_t block)
{
    const int64_t j0 = block * s->width, cols = block_cols(s, block),
                  first = row / STRIP * STRIP * s->width + row % STRIP;
    float carried[WIDEST] = {0};
    part p;
    if (!(round_part(s, row, block, &p) < 0) || is_zero(p.chosen, cols)) return;
    memcpy(s->q->codes + row * s->q->cols + j0, p.codes, (size_t)cols);
    if (s->whole) s->q->scale[group_of(s, row, j0)] = s->scale[row];
    for (int64_t j = 0; j < cols; j++) s->change[first + j * STRIP] = p.change[j];
    s->d->job->kernels->add_rows(carried, s->square + block * s->width * s->width, (size_t)s->width,
                                 p.change, 1, (size_t)cols, (size_t)cols);
    tell_rows(s, row, carried, cols);
}

static void look_at_strip(const descent *s, int64_t strip, int64_t block)
{
    const int64_t i0 = strip * STRIP, end = strip_end(s, strip);
    const desk *d = &s->desks[omp_get_thread_num()];
    double best[STRIP];
    find_gradient(s, strip, block);
    load_strip(s, d, strip, block);
    memset(s->change + i0 * s->width, 0, (size_t)(STRIP * s->width) * sizeof *s->change);
    for (int64_t row = i0; row < end; row++)
        s->scale[row] = s->q->scale[group_of(s, row, block * s->width)];
    try_strip(s, d, block, end - i0, NULL, best);
    for (int away = -NEAR; s->whole && away <= NEAR; away++)
        if (away) try_scale(s, d, strip, block, away, best);
    for (int64_t row = i0; row < end; row++) {
        s->could[row] = best[row - i0] < 0;
        if (s->could[row] && !s->d->out.h) change_row(s, row, block);
    }
}

/* product += change H_I, for the rows of a strip. */
static void settle_strip(const descent *s, int64_t strip, int64_t block)
{
    const vq_side *in = &s->d->in;
    const int64_t k = s->q->cols, i0 = strip * STRIP, j0 = block * s->width,
                  cols = block_cols(s, block), rows = strip_end(s, strip) - i0;
    float *change = s->change + i0 * s->width, *product = s->product + i0 * k;
    for (int64_t j = 0; j < cols; j++) {
        for (int64_t r = 0; r < rows; r++) {
            float *x = change + j * STRIP + r;
            product[r * k + j0 + j] += diagonal_too(in, j0 + j, 0, *x);
            *x *= (float)in->kept;
        }
    }
    vq_gemm_tile_tn_add(s->d->job->kernels, cols, rows, k, change, STRIP, in->h + j0 * k, k,
                        product, k);
}

static void once(const descent *s)
{
    for (int64_t block = 0; block < s->blocks; block++) {
#pragma omp parallel for schedule(dynamic)
        for (int64_t i = 0; i < s->strips; i++) look_at_strip(s, i, block);
        for (int64_t row = 0; s->d->out.h && row < s->q->rows; row++)
            if (s->could[row]) change_row(s, row, block);
#pragma omp parallel for schedule(dynamic)
        for (int64_t i = 0; i < s->strips; i++) settle_strip(s, i, block);
    }
}

static void measure_strip(const descent *s, int64_t strip)
{
    const int64_t k = s->q->cols, i0 = strip * STRIP, rows = strip_end(s, strip) - i0;
    const float *errors = strip_errors(s, strip), *gradient = s->gradient + i0 * s->width;
    vq_gptq_result *sum = &s->sums[strip];
    *sum = (vq_gptq_result){0, 0};
    for (int64_t b = 0; b < s->blocks; b++) {
        find_gradient(s, strip, b);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t j = 0; j < block_cols(s, b); j++) {
                const double error = (double)errors[r * k + b * s->width + j];
                sum->objective += error * (double)gradient[j * STRIP + r];
                sum->noise += error * error;
            }
        }
    }
}

static vq_status new_desk(desk *d, int64_t width, int64_t k, vq_arena *a, vq_err *e)
{
    const int64_t area = width * STRIP;
    float *f = VQ_ALLOC(a, float, STRIP *k + 6 * area, "descent", e);
    d->zero = VQ_ALLOC(a, int16_t, area, "descent", e);
    d->codes = VQ_ALLOC(a, uint8_t, STRIP, "descent", e);
    if (!f || !d->zero || !d->codes) return VQ_E_LIMIT;
    d->y = f, d->asked = f + area, d->target = f + 2 * area, d->chosen = f + 3 * area,
    d->effective = f + 4 * area, d->changed = f + 5 * area, d->errors = f + 6 * area;
    return VQ_OK;
}

static vq_status open_descent(descent *s, const vq_descent *d, vq_qtensor *q, vq_err *e)
{
    vq_arena *a = d->job->scratch;
    const int64_t n = q->rows, k = q->cols, width = width_of(&q->num);
    *s = (descent){.d = d, .q = q, .width = width, .whole = in_rows(&q->num)};
    s->strips = (n + STRIP - 1) / STRIP, s->blocks = (k + width - 1) / width;
    vq_group_size(&q->num, n, k, &s->group_rows, &s->group_cols);
    s->product = VQ_ALLOC(a, float, n *k, "descent", e);
    s->square = VQ_ALLOC(a, float, 2 * s->blocks * width * width, "descent", e);
    s->gradient = VQ_ALLOC(a, float, 2 * s->strips * STRIP * width, "descent", e);
    s->could = VQ_ALLOC(a, bool, n, "descent", e);
    s->scale = VQ_ALLOC(a, float, n, "descent", e);
    s->desks = VQ_NEW(a, desk, omp_get_max_threads(), "descent", e);
    s->sums = VQ_ALLOC(a, vq_gptq_result, s->strips, "descent", e);
    if (!s->product || !s->square || !s->gradient || !s->could || !s->scale || !s->desks ||
        !s->sums)
        return VQ_E_LIMIT;
    s->chain = s->square + s->blocks * width * width;
    s->change = s->gradient + s->strips * STRIP * width;
    for (int t = 0; t < omp_get_max_threads(); t++) VQ_TRY(new_desk(&s->desks[t], width, k, a, e));
    return VQ_OK;
}

vq_status vq_descend(const vq_descent *d, vq_qtensor *q, vq_gptq_result *result, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(d->job->scratch);
    descent s;
    VQ_TRY(open_descent(&s, d, q, e));
#pragma omp parallel for schedule(dynamic)
    for (int64_t b = 0; b < s.blocks; b++) make_square(&s, b);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < s.strips; i++) start_strip(&s, i);
    for (int64_t t = 0; t < d->times; t++) once(&s);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < s.strips; i++) measure_strip(&s, i);
    *result = (vq_gptq_result){0, 0};
    for (int64_t i = 0; i < s.strips; i++) {
        result->objective += s.sums[i].objective;
        result->noise += s.sums[i].noise;
    }
    vq_arena_rewind(d->job->scratch, mark);
    return VQ_OK;
}

uint64_t vq_descend_bytes(const vq_num *num, int64_t n, int64_t k)
{
    const int64_t strips = (n + STRIP - 1) / STRIP, width = width_of(num),
                  blocks = (k + width - 1) / width, threads = omp_get_max_threads();
    const int64_t floats = n * k + n + 2 * blocks * width * width + 2 * strips * STRIP * width +
                           threads * STRIP * (k + 7 * width);
    return (uint64_t)floats * sizeof(float) + (uint64_t)n +
           (uint64_t)strips * sizeof(vq_gptq_result) + (uint64_t)threads * 1024;
}
