/* bf16_product.c -- products of inputs rounded to bf16, tile by tile: packed as pairs where the
 * machine multiplies pairs, else BLAS on rounded copies. Columns of B are packed once for all
 * threads, rows of A by the thread that multiplies them. */
#include "kernels/bf16_product.h"

#include <cblas.h>
#include <stdalign.h>
#include <string.h>

#include "base/parallel.h"

/* Rows of A that a thread packs and multiplies at a time, and how deep: both blocks and a panel of
 * B stay in the second-level cache. */
enum { PACKED_ROWS = 96, PAIRS_DEPTH = 640 };
/* Depth for which columns of B are packed at a time, so that the room takes hundreds of them; rows
 * of B that one task packs. */
enum { ROOM_DEPTH = 4096, ROOM_STEP = 64 };
/* Room of a product on one thread, at its least: a panel of that depth. */
enum { TILE_ROOM = VQ_PAIRS_COLS * ROOM_DEPTH / 2 };
/* Tiles for BLAS, which packs once more. */
enum { COPY_SIDE = 256, COPY_DEPTH = 384 };
/* Rows of a tile lie far apart, where the machine does not look ahead by itself. */
enum { ROWS_AHEAD = 4, CACHE_LINE = 64 / sizeof(float) };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* n cut into parts of nearly one size, at most `most` (a multiple of `step`) each. */
static int64_t even_part(int64_t n, int64_t most, int64_t step)
{
    const int64_t count = (n + most - 1) / most;
    return count ? ((n + count - 1) / count + step - 1) / step * step : step;
}

/* A tile of C. */
typedef struct area {
    int64_t i, rows, j, cols;
} area;

/* A part of one side: lanes [lane, lane + lanes), values [p, p + depth) of each. */
typedef struct block {
    int64_t lane, lanes, p, depth;
} block;

static const float *at(const vq_bf16_side *s, int64_t lane, int64_t p)
{
    return s->across ? s->x + p * s->ld + lane : s->x + lane * s->ld + p;
}

static const void *stored_at(const vq_bf16_side *s, int64_t lane, int64_t p)
{
    return (const unsigned char *)s->stored + (lane * s->ld + p) * (int64_t)sizeof(uint16_t);
}

static void pack(vq_pack_pairs *const how[2], const vq_bf16_side *s, const block *of, int64_t width,
                 int64_t pitch, uint32_t *out)
{
    how[s->across](at(s, of->lane, of->p), (size_t)s->ld, (size_t)of->lanes, (size_t)of->depth,
                   (size_t)width, (size_t)pitch, out);
}

/* Pairs of a depth, with the zeros behind them. */
static int64_t pairs_of(const vq_bf16_pairs *pairs, int64_t depth)
{
    return ((depth + 1) / 2 + pairs->whole - 1) / pairs->whole * pairs->whole;
}

/* Columns of B in the room: panels of 48, each as deep as the block. */
typedef struct packed {
    const vq_bf16_product *of;
    const vq_bf16_pairs *pairs;
    uint32_t *room;
    block b;
    int64_t pitch; /* u32 from panel to panel */
    bool shares_a; /* the rows of A are there, too */
} packed;

static uint32_t *panel(const packed *b, int64_t lane, int64_t p)
{
    const int64_t from = lane - b->b.lane;
    return b->room + from / VQ_PAIRS_COLS * b->pitch + (p - b->b.p) / 2 * VQ_PAIRS_COLS +
           from % VQ_PAIRS_COLS;
}

/* The i-th of the tasks that fill the room: a panel, or where rows hold all columns some rows. */
static int64_t pack_tasks(const packed *b)
{
    return b->of->b.across ? (b->b.depth + ROOM_STEP - 1) / ROOM_STEP
                           : (b->b.lanes + VQ_PAIRS_COLS - 1) / VQ_PAIRS_COLS;
}

static void pack_task(const packed *b, int64_t i)
{
    block part = b->b;
    if (b->of->b.across) {
        part.p += i * ROOM_STEP;
        part.depth = least(ROOM_STEP, b->b.depth - i * ROOM_STEP);
    } else {
        part.lane += i * VQ_PAIRS_COLS;
        part.lanes = least(VQ_PAIRS_COLS, b->b.lanes - i * VQ_PAIRS_COLS);
    }
    uint32_t *out = panel(b, part.lane, part.p);
    const vq_bf16_side *s = &b->of->b;
    if (s->stored)
        b->pairs->pack_stored(stored_at(s, part.lane, part.p), (size_t)s->ld, (size_t)part.lanes,
                              (size_t)part.depth, VQ_PAIRS_COLS, (size_t)b->pitch, out);
    else
        pack(b->pairs->pack_b, s, &part, VQ_PAIRS_COLS, b->pitch, out);
    const int64_t had = (part.depth + 1) / 2, lacks = pairs_of(b->pairs, part.depth) - had;
    for (int64_t lane = 0; lacks > 0 && lane < part.lanes; lane += VQ_PAIRS_COLS, out += b->pitch)
        memset(out + had * VQ_PAIRS_COLS, 0, (size_t)(lacks * VQ_PAIRS_COLS) * sizeof *out);
}

/* Some rows of A: where their panel is, and the step in it. */
typedef struct strip {
    const uint32_t *a;
    size_t step, pairs;
    bool add;
} strip;

/* A part of C that is not a whole tile of the kernel, or crosses the diagonal. */
static void ragged(const packed *b, const strip *s, const uint32_t *cols, const area *t)
{
    const vq_bf16_product *q = b->of;
    float made[VQ_PAIRS_ROWS_MOST * VQ_PAIRS_COLS];
    b->pairs->tile(s->a, s->step, cols, s->pairs, false, made, VQ_PAIRS_COLS);
    for (int64_t r = 0; r < t->rows; r++) {
        const int64_t end = q->lower ? least(t->cols, t->i + r + 1 - t->j) : t->cols;
        float *c = q->c + (t->i + r) * q->ldc + t->j;
        for (int64_t j = 0; j < end; j++) c[j] = (s->add ? c[j] : 0) + made[r * VQ_PAIRS_COLS + j];
    }
}

static void multiply(const packed *b, const strip *s, int64_t p, const area *t)
{
    const vq_bf16_product *q = b->of;
    const uint32_t *cols = panel(b, t->j, p);
    if (q->lower && t->i + t->rows <= t->j) return;
    if (t->rows < b->pairs->rows || t->cols < VQ_PAIRS_COLS ||
        (q->lower && t->i < t->j + t->cols - 1))
        ragged(b, s, cols, t);
    else
        b->pairs->tile(s->a, s->step, cols, s->pairs, s->add, q->c + t->i * q->ldc + t->j,
                       (size_t)q->ldc);
}

/* Some rows of A times the columns in the room. */
static void multiply_rows(const packed *b, int64_t i, int64_t rows)
{
    alignas(64) uint32_t a[PACKED_ROWS * PAIRS_DEPTH / 2];
    const vq_bf16_product *q = b->of;
    const int64_t height = b->pairs->rows, end = b->b.p + b->b.depth,
                  most = even_part(b->b.depth, PAIRS_DEPTH, 2 * b->pairs->whole),
                  cols_end = b->b.lane + b->b.lanes;
    for (int64_t p = b->b.p; p < end; p += most) {
        const block here = {i, rows, p, least(most, end - p)};
        const int64_t pairs = pairs_of(b->pairs, here.depth);
        if (!b->shares_a) pack(b->pairs->pack_a, &q->a, &here, height, pairs * height, a);
        for (int64_t j = b->b.lane; j < cols_end; j += VQ_PAIRS_COLS) {
            for (int64_t r = 0; r < rows; r += height) {
                const strip s = {b->shares_a ? panel(b, i + r, p) : a + r * pairs,
                                 (size_t)(b->shares_a            ? VQ_PAIRS_COLS
                                          : b->pairs->same_sides ? height
                                                                 : pairs),
                                 (size_t)pairs, q->add || p > 0};
                multiply(
                    b, &s, p,
                    &(area){i + r, least(height, rows - r), j, least(VQ_PAIRS_COLS, cols_end - j)});
            }
        }
    }
}

/* On the calling thread: a team of one would cost more than a small product. */
static void multiply_alone(const packed *b)
{
    const int64_t fills = pack_tasks(b), m = b->of->m;
    for (int64_t i = 0; i < fills; i++) pack_task(b, i);
    for (int64_t i = 0; i < m; i += PACKED_ROWS) multiply_rows(b, i, least(PACKED_ROWS, m - i));
}

/* The rows below and on the diagonal are the longest at the end: they go first. */
static void multiply_packed(const packed *b)
{
    const vq_bf16_product *q = b->of;
    const int64_t fills = pack_tasks(b), tiles = (q->m + PACKED_ROWS - 1) / PACKED_ROWS;
#pragma omp parallel
    {
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < fills; i++) pack_task(b, i);
#pragma omp for schedule(dynamic)
        for (int64_t t = tiles - 1; t >= 0; t--)
            multiply_rows(b, t * PACKED_ROWS, least(PACKED_ROWS, q->m - t * PACKED_ROWS));
    }
}

static void multiply_pairs(const vq_bf16_product *q, const vq_bf16_pairs *pairs, uint32_t *room,
                           int64_t size, bool together)
{
    const int64_t depth = even_part(q->k, ROOM_DEPTH, 2 * pairs->whole),
                  most = size / (depth / 2) / VQ_PAIRS_COLS * VQ_PAIRS_COLS;
    const int64_t cols = even_part(q->n, most, VQ_PAIRS_COLS);
    for (int64_t j = 0; j < q->n; j += cols) {
        for (int64_t p = 0; p < q->k; p += depth) {
            packed b = {.of = q,
                        .pairs = pairs,
                        .room = room,
                        .b = {j, least(cols, q->n - j), p, least(depth, q->k - p)}};
            b.pitch = pairs_of(pairs, b.b.depth) * VQ_PAIRS_COLS;
            b.shares_a = pairs->same_sides && q->lower && cols >= q->n;
            if (together && q->m * b.b.lanes * b.b.depth > VQ_PARALLEL_MIN_MACS)
                multiply_packed(&b);
            else
                multiply_alone(&b);
        }
    }
}

/* A block of one side as it lies, rounded: [lanes][depth], or across: [depth][lanes]. */
static void copy_rounded(const vq_kernels *kr, const vq_bf16_side *s, int64_t lane, int64_t lanes,
                         int64_t p, int64_t depth, float *out)
{
    uint16_t half[COPY_DEPTH];
    const int64_t rows = s->across ? depth : lanes, cols = s->across ? lanes : depth;
    if (s->stored) {
        for (int64_t r = 0; r < rows; r++)
            kr->bf16_to_f32(stored_at(s, lane + r, p), out + r * cols, (size_t)cols);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *row = at(s, lane, p) + r * s->ld;
        for (int64_t c = 0; r + ROWS_AHEAD < rows && c < cols; c += CACHE_LINE)
            __builtin_prefetch(row + ROWS_AHEAD * s->ld + c);
        kr->f32_to_bf16(row, half, (size_t)cols);
        kr->bf16_to_f32(half, out + r * cols, (size_t)cols);
    }
}

static void tile_of_copies(const vq_bf16_product *q, const vq_kernels *kr, const area *t)
{
    alignas(64) float a[COPY_SIDE * COPY_DEPTH];
    alignas(64) float b[COPY_SIDE * COPY_DEPTH];
    const blasint rows = (blasint)t->rows, cols = (blasint)t->cols;
    float *c = q->c + t->i * q->ldc + t->j;
    const int64_t most = even_part(q->k, COPY_DEPTH, 2);
    for (int64_t p = 0; p < q->k; p += most) {
        const int64_t depth = least(most, q->k - p);
        const blasint lda = q->a.across ? rows : (blasint)depth,
                      ldb = q->b.across ? cols : (blasint)depth;
        copy_rounded(kr, &q->a, t->i, t->rows, p, depth, a);
        if (q->lower && t->i == t->j) {
            cblas_ssyrk(CblasRowMajor, CblasLower, q->a.across ? CblasTrans : CblasNoTrans, rows,
                        (blasint)depth, 1, a, lda, 1, c, (blasint)q->ldc);
            continue;
        }
        copy_rounded(kr, &q->b, t->j, t->cols, p, depth, b);
        cblas_sgemm(CblasRowMajor, q->a.across ? CblasTrans : CblasNoTrans,
                    q->b.across ? CblasNoTrans : CblasTrans, rows, cols, (blasint)depth, 1, a, lda,
                    b, ldb, q->add || p > 0 ? 1 : 0, c, (blasint)q->ldc);
    }
}

static void nth_tile_of_copies(const vq_bf16_product *q, const vq_kernels *kr, int64_t n,
                               int64_t rows, int64_t cols)
{
    const int64_t across = (q->n + cols - 1) / cols, i = n / across * rows, j = n % across * cols;
    const area t = {i, least(rows, q->m - i), j, least(cols, q->n - j)};
    if (!q->lower || t.i >= t.j) tile_of_copies(q, kr, &t);
}

static void clear(const vq_bf16_product *q)
{
    for (int64_t i = 0; i < q->m; i++)
        for (int64_t j = 0; j < q->n; j++) q->c[i * q->ldc + j] = 0;
}

static void multiply_copies(const vq_bf16_product *q, const vq_kernels *kr, bool together)
{
    const int64_t cols = even_part(q->n, COPY_SIDE, 16),
                  rows = q->lower ? cols : even_part(q->m, COPY_SIDE, 16);
    const int64_t across = (q->n + cols - 1) / cols, tiles = (q->m + rows - 1) / rows * across;
    if (tiles == 1 || !together) {
        for (int64_t t = tiles - 1; t >= 0; t--) nth_tile_of_copies(q, kr, t, rows, cols);
        return;
    }
#pragma omp parallel for schedule(dynamic) if (q->m * q->n * q->k > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = tiles - 1; t >= 0; t--) nth_tile_of_copies(q, kr, t, rows, cols);
}

/* Is there nothing to multiply? */
static bool is_empty(const vq_bf16_product *q)
{
    if (q->k == 0 && !q->add) clear(q);
    return q->m == 0 || q->n == 0 || q->k == 0;
}

void vq_bf16_multiply(const vq_kernels *kr, const vq_bf16_product *q)
{
    if (is_empty(q)) return;
    if (kr->pairs)
        multiply_pairs(q, kr->pairs, kr->bf16, VQ_BF16_ROOM, true);
    else
        multiply_copies(q, kr, true);
}

void vq_bf16_multiply_tile(const vq_kernels *kr, const vq_bf16_product *q)
{
    alignas(64) uint32_t room[TILE_ROOM];
    if (is_empty(q)) return;
    if (kr->pairs)
        multiply_pairs(q, kr->pairs, room, TILE_ROOM, false);
    else
        multiply_copies(q, kr, false);
}

vq_status vq_bf16_take(vq_kernels *kr, vq_arena *a, vq_err *e)
{
    kr->bf16 = VQ_ALLOC(a, uint32_t, VQ_BF16_ROOM, "packed weights", e);
    return kr->bf16 ? VQ_OK : e->status;
}
