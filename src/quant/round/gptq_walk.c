/* gptq_walk.c -- the walk over tiles. Inside a tile columns lie along memory, so that one column of
 * many rows is a vector. */
#include "quant/round/gptq_walk.h"

#include <omp.h>
#include <string.h>

enum { LOW = 64, HIGH = 256, MANY_ROWS = 4096 };

int64_t vq_gptq_height(int64_t n, bool two_sided)
{
    return n > MANY_ROWS && !two_sided ? HIGH : LOW;
}

/* Buffers of one thread. Tiles are [width][height], a column of the matrix contiguous. */
typedef struct desk {
    /* [width][height]: weights; weights + E U; that and the feedback of rows too, where it is
     * two-sided; what the codes mean */
    float *w, *base, *target, *y;
    float *stored, *effective; /* [height] scales of a column */
    float *updated, *weights;  /* refit: [height][group], [height * group] */
    double *eta,
        *noise; /* [height] sums of squares over the columns: target less y, weighed by the column's
                 * curvature; w less y */
    int64_t *row, *scales; /* [height] in the matrix, and where the scales of that row begin */
    uint8_t *codes;
    int16_t *zero;
    vq_scale_scratch search;
} desk;

typedef struct strip_sum {
    double objective, noise;
} strip_sum;

typedef struct walk {
    const vq_gptq_walk *g;
    vq_qtensor *q;
    int64_t height, width, strips, blocks;
    int64_t group_rows, group_cols;
    float *error; /* one-sided: [threads][k][height]; two-sided: [strips][k][height] */
    float *after; /* two-sided: E + E U, [n][k], rows and columns in order */
    desk *desks;
    strip_sum *sums; /* [strips] */
    vq_scale_codes codes;
} walk;

/* A tile: rows [i0, i0 + rows), columns [j0, j0 + cols), in order. */
typedef struct tile {
    int64_t strip, block, i0, rows, j0, cols;
    float *error; /* of its strip, [k][height] */
} tile;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t row_at(const walk *s, int64_t i)
{
    return s->g->out ? s->g->out->order[i] : i;
}

static int64_t refit_cols(const vq_gptq_walk *g, const vq_num *num)
{
    return g->refit ? num->group.cols : 0;
}

static vq_status new_desk(desk *d, const walk *s, vq_arena *a, vq_err *e)
{
    const int64_t h = s->height, area = s->width * h, group = refit_cols(s->g, &s->q->num);
    float *f = VQ_ALLOC(a, float, 4 * area + 2 * h + 2 * h * group, "tile", e);
    d->codes = VQ_ALLOC(a, uint8_t, area, "tile", e);
    d->zero = VQ_NEW(a, int16_t, h, "tile", e);
    d->eta = VQ_ALLOC(a, double, 2 * h, "tile", e);
    d->row = VQ_ALLOC(a, int64_t, 2 * h, "tile", e);
    if (!f || !d->codes || !d->zero || !d->eta || !d->row) return VQ_E_LIMIT;
    d->noise = d->eta + h, d->scales = d->row + h;
    d->w = f, d->base = f + area, d->target = f + 2 * area, d->y = f + 3 * area;
    d->stored = f + 4 * area, d->effective = d->stored + h, d->updated = d->effective + h,
    d->weights = d->updated + h * group;
    return group ? vq_scale_scratch_new(&d->search, h, a, e) : VQ_OK;
}

static vq_status open_walk(walk *s, const vq_gptq_walk *g, vq_qtensor *q, vq_err *e)
{
    const int threads = omp_get_max_threads();
    vq_arena *a = g->job->scratch;
    *s = (walk){
        .g = g, .q = q, .height = vq_gptq_height(q->rows, g->out != NULL), .width = g->in->width};
    s->strips = (q->rows + s->height - 1) / s->height;
    s->blocks = (q->cols + s->width - 1) / s->width;
    vq_group_size(&q->num, q->rows, q->cols, &s->group_rows, &s->group_cols);
    s->error = VQ_ALLOC(a, float, (g->out ? s->strips : threads) * q->cols * s->height,
                        "rounding errors", e);
    s->after = VQ_ALLOC(a, float, g->out ? q->rows * q->cols : 0, "rounding errors", e);
    s->desks = VQ_NEW(a, desk, threads, "tiles", e);
    s->sums = VQ_NEW(a, strip_sum, s->strips, "tiles", e);
    if (!s->error || !s->after || !s->desks || !s->sums) return VQ_E_LIMIT;
    const vq_scale_codes *codes =
        g->refit && g->search ? vq_scale_codes_of(&s->codes, g->job, &q->num) : NULL;
    for (int t = 0; t < threads; t++) {
        VQ_TRY(new_desk(&s->desks[t], s, a, e));
        s->desks[t].search.codes = codes;
    }
    return VQ_OK;
}

/* Rows that are copied to or from columns at once: as many floats as a cache line holds. */
enum { RUN = 16 };

static void load_columns(const walk *s, const desk *d, const tile *t, int64_t r0, int64_t r1)
{
    const int32_t *order = s->g->in->order + t->j0;
    for (int64_t c = 0; c < t->cols; c++)
        for (int64_t r = r0; r < r1; r++)
            d->w[c * s->height + r] = s->g->w[d->row[r] * s->q->cols + order[c]];
}

static void load_tile(const walk *s, const desk *d, const tile *t)
{
    const int64_t h = s->height;
    for (int64_t r = 0; r < t->rows; r++) {
        d->row[r] = row_at(s, t->i0 + r);
        d->scales[r] = d->row[r] / s->group_rows * s->q->per_row;
    }
    for (int64_t r = 0; r < t->rows; r += RUN) load_columns(s, d, t, r, least(r + RUN, t->rows));
    memcpy(d->base, d->w, (size_t)(t->cols * h) * sizeof *d->w);
    memset(d->eta, 0, (size_t)(2 * h) * sizeof *d->eta);
    for (int64_t c = 0; s->g->zero_dead && c < t->cols; c++)
        if (s->g->in->diag[s->g->in->order[t->j0 + c]] == 0)
            memset(d->base + c * h, 0, (size_t)h * sizeof *d->base);
}

/* Feedback from tiles that are done. U and V are the factors of input and output (gptq_walk.h), E =
 * W - W^ the rounding errors:
 *  from the left     base   [cols][height] += (E U) over columns [0, j0)
 *  from above        target [cols][height]  = V^T (E + E U) over rows [0, i0), two-sided only */
static void feed_tile(const walk *s, const desk *d, const tile *t)
{
    const vq_kernels *kr = s->g->job->kernels;
    const int64_t h = s->height, w = s->width;
    if (t->j0)
        vq_gemm_tile_tn_add(kr, t->j0, t->cols, t->rows, vq_factor_panel(s->g->in, t->block), w,
                            t->error, h, d->base, h);
    if (!s->g->out) return;
    memset(d->target, 0, (size_t)(t->cols * h) * sizeof *d->target);
    if (t->i0)
        vq_gemm_tile_tn_add(kr, t->i0, t->cols, t->rows, s->after + t->j0, s->q->cols,
                            vq_factor_panel(s->g->out, t->strip), h, d->target, h);
}

/* Effective scales and zero points of the tile's rows in one group of columns. */
static void column_scales(const walk *s, desk *d, const tile *t, int64_t group)
{
    for (int64_t r = 0; r < t->rows; r++) {
        d->stored[r] = s->q->scale[d->scales[r] + group];
        if (s->q->zero) d->zero[r] = s->q->zero[d->scales[r] + group];
    }
    s->g->job->kernels->effective_row(&s->q->num, d->stored, (size_t)t->rows,
                                      s->g->job->global_scale, d->effective);
}

/* New scales for the group of columns that starts at column c of the tile. They are found from the
 * weights with the feedback of all columns before c, which is what base holds. */
static void refit_group(const walk *s, desk *d, const tile *t, int64_t c)
{
    const int64_t h = s->height, n = s->group_cols;
    for (int64_t r = 0; r < t->rows; r++) {
        for (int64_t j = 0; j < n; j++) {
            d->updated[r * n + j] = d->base[(c + j) * h + r];
            d->weights[r * n + j] = s->g->d[t->j0 + c + j];
        }
    }
    const vq_scale_band b = {.x = d->updated,
                             .d = d->weights,
                             .ld = t->rows * n,
                             .rows = 1,
                             .cols = t->rows * n,
                             .width = n};
    const vq_round_job *job = s->g->job;
    float *lo = d->search.f, *hi = lo + h;
    if (s->g->search) {
        vq_scale_search_band(job, &s->q->num, &b, &d->search, d->stored, d->zero);
    } else {
        job->kernels->range_blocks(b.x, (size_t)b.cols, (size_t)n, lo, hi);
        job->kernels->scale_row(&s->q->num, lo, hi, (size_t)t->rows, job->global_scale, job->arith,
                                d->stored, d->zero);
    }
    for (int64_t r = 0; r < t->rows; r++) {
        const int64_t g = d->scales[r] + (t->j0 + c) / n;
        s->q->scale[g] = d->stored[r];
        if (s->q->zero) s->q->zero[g] = d->zero[r];
    }
}

/* Feedback inside the tile: base[c] += sum over columns j in [from, to) of E_j U_jc, for all rows.
 */
static void feed_column(const walk *s, const desk *d, const tile *t, int64_t c, int64_t from,
                        int64_t to)
{
    const int64_t h = s->height;
    const float *u = vq_factor_panel(s->g->in, t->block) + (t->j0 + from) * s->width + c;
    s->g->job->kernels->add_rows(d->base + c * h, t->error + (t->j0 + from) * h, (size_t)h, u,
                                 (size_t)s->width, (size_t)(to - from), (size_t)t->rows);
}

/* Codes of column c and what they mean, y. One-sided: the rows of base are rounded each for itself.
 * Two-sided: target += base, then row after row, each rounded with the errors of the rows above it
 * in the tile (V) in its target. */
static void round_column(const walk *s, const desk *d, const tile *t, int64_t c)
{
    const vq_kernels *kr = s->g->job->kernels;
    const int64_t at = c * s->height;
    const size_t n = (size_t)t->rows;
    const int16_t *zero = s->q->zero ? d->zero : NULL;
    if (!s->g->out) {
        kr->round_each(&s->q->num, d->base + at, n, d->effective, zero, d->codes + at, d->y + at);
        return;
    }
    const float *v = vq_factor_panel(s->g->out, t->strip) + t->i0 * s->height;
    for (size_t r = 0; r < n; r++) d->target[at + (int64_t)r] += d->base[at + (int64_t)r];
    kr->round_chain(&s->q->num, d->target + at, n, d->base + at, d->effective, zero, v,
                    (size_t)s->height, d->codes + at, d->y + at);
}

/* E = w - y of a rounded column, kept for the columns that follow, and its part of the two sums. */
static void settle_column(const walk *s, const desk *d, const tile *t, int64_t c)
{
    const vq_kernels *kr = s->g->job->kernels;
    const int64_t at = c * s->height;
    const float *w = d->w + at, *y = d->y + at, *target = (s->g->out ? d->target : d->base) + at;
    float *error = t->error + (t->j0 + c) * s->height;
    for (int64_t r = 0; r < t->rows; r++) error[r] = w[r] - y[r];
    kr->add_squares(d->eta, target, y, s->g->in->d[t->j0 + c], (size_t)t->rows);
    kr->add_squares(d->noise, w, y, 1, (size_t)t->rows);
}

/* The sums of the tile go to its strip. Two-sided: after = E + E U, turned from columns back into
 * rows [n][k], is what the tiles below multiply with V. */
static void settle_tile(const walk *s, const desk *d, const tile *t)
{
    strip_sum *sum = &s->sums[t->strip];
    for (int64_t r = 0; r < t->rows; r++) {
        sum->objective += (s->g->out ? s->g->out->d[t->i0 + r] : 1) * d->eta[r];
        sum->noise += d->noise[r];
    }
    for (int64_t r = 0; s->g->out && r < t->rows; r++) {
        float *after = s->after + (t->i0 + r) * s->q->cols + t->j0;
        for (int64_t c = 0; c < t->cols; c++)
            after[c] = d->base[c * s->height + r] - d->y[c * s->height + r];
    }
}

/* Rounds the columns of a tile one after the other. Without refit a column gets the feedback of all
 * columns before it when its turn comes. With refit the scales of a group must see its weights as
 * updated, so at the start of a group all its columns get the feedback of the columns before the
 * group; later they only lack that of the columns inside it. */
static void round_tile(const walk *s, desk *d, const tile *t)
{
    const int64_t group = refit_cols(s->g, &s->q->num);
    int64_t from = 0, last = -1;
    for (int64_t c = 0; c < t->cols; c++) {
        const int64_t column = s->g->in->order[t->j0 + c];
        if (group && c % group == 0) {
            for (int64_t j = c; j < c + group; j++) feed_column(s, d, t, j, 0, c);
            refit_group(s, d, t, c);
            from = c;
        }
        if (column / s->group_cols != last) column_scales(s, d, t, column / s->group_cols);
        last = column / s->group_cols;
        feed_column(s, d, t, c, from, c);
        round_column(s, d, t, c);
        settle_column(s, d, t, c);
    }
}

static void store_codes(const walk *s, const desk *d, const tile *t)
{
    for (int64_t r = 0; r < t->rows; r++) {
        uint8_t *codes = s->q->codes + d->row[r] * s->q->cols;
        for (int64_t c = 0; c < t->cols; c++)
            codes[s->g->in->order[t->j0 + c]] = d->codes[c * s->height + r];
    }
}

static void do_tile(const walk *s, int64_t strip, int64_t block)
{
    tile t = {.strip = strip, .block = block, .i0 = strip * s->height, .j0 = block * s->width};
    desk *d = &s->desks[omp_get_thread_num()];
    t.rows = least(s->height, s->q->rows - t.i0);
    t.cols = least(s->width, s->q->cols - t.j0);
    t.error = s->error + (s->g->out ? strip : omp_get_thread_num()) * s->q->cols * s->height;
    load_tile(s, d, &t);
    feed_tile(s, d, &t);
    round_tile(s, d, &t);
    settle_tile(s, d, &t);
    store_codes(s, d, &t);
}

/* One-sided: rows do not depend on each other, so strips run in parallel and tiles of a strip in
 * order. */
static void rows_apart(const walk *s)
{
#pragma omp parallel for schedule(dynamic)
    for (int64_t strip = 0; strip < s->strips; strip++)
        for (int64_t block = 0; block < s->blocks; block++) do_tile(s, strip, block);
}

/* Two-sided: a tile needs those to its left and above it. Tiles with the same strip + block need
 * none of each other, so they run in parallel, one such diagonal after the other. */
static void rows_together(const walk *s)
{
    for (int64_t sum = 0; sum < s->strips + s->blocks - 1; sum++) {
        const int64_t first = sum < s->blocks ? 0 : sum - s->blocks + 1;
#pragma omp parallel for schedule(dynamic)
        for (int64_t strip = first; strip < least(s->strips, sum + 1); strip++)
            do_tile(s, strip, sum - strip);
    }
}

vq_status vq_gptq_run(const vq_gptq_walk *g, vq_qtensor *q, vq_gptq_result *out, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(g->job->scratch);
    walk s;
    VQ_TRY(open_walk(&s, g, q, e));
    q->global_scale = q->num.global_scale ? g->job->global_scale.value : 1.0F;
    q->global_scale_divides = q->num.global_scale && g->job->global_scale.divides;
    if (g->out)
        rows_together(&s);
    else
        rows_apart(&s);
    *out = (vq_gptq_result){0, 0};
    for (int64_t i = 0; i < s.strips; i++) {
        out->objective += s.sums[i].objective;
        out->noise += s.sums[i].noise;
    }
    vq_arena_rewind(g->job->scratch, mark);
    return VQ_OK;
}

uint64_t vq_gptq_walk_bytes(const vq_num *num, int64_t n, int64_t k, int64_t width, bool two_sided)
{
    const int64_t h = vq_gptq_height(n, two_sided), strips = (n + h - 1) / h,
                  threads = omp_get_max_threads();
    const int64_t group = num->group.kind == VQ_PER_BLOCK ? num->group.cols : 0;
    const int64_t desk_floats = 4 * width * h + 2 * h + 2 * h * group + width * h / 4 + 9 * h;
    const int64_t errors = two_sided ? strips * h * k + n * k : threads * h * k;
    return (uint64_t)(errors + threads * desk_floats) * sizeof(float) +
           (uint64_t)threads * (vq_scale_scratch_bytes(h) + 1024);
}
