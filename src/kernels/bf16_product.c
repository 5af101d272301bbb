/* bf16_product.c -- products of inputs rounded to bf16, tile by tile: packed as pairs where the machine multiplies pairs, else BLAS on
 * rounded copies. Packed blocks lie on the stack of the thread that works on a tile. */
#include "kernels/bf16_product.h"

#include <cblas.h>
#include <stdalign.h>

#include "base/parallel.h"

/* Of a tile: a block of B of 480 KB stays in the second-level cache, blocks of A pass by it; columns of C are few, so that rows of tiles
 * are shared out evenly. */
enum { TILE_ROWS = 512, TILE_COLS = 384, PAIRS_DEPTH = 640, PACKED_ROWS = 96 };
/* The same for BLAS, which packs once more. */
enum { COPY_SIDE = 256, COPY_DEPTH = 384 };

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

static const float *at(const vq_bf16_side *s, int64_t lane, int64_t p)
{
    return s->across ? s->x + p * s->ld + lane : s->x + lane * s->ld + p;
}

static void pack(const vq_bf16_pairs *pairs, const vq_bf16_side *s, int64_t lane, int64_t lanes, int64_t p, int64_t depth, size_t width,
                 uint32_t *out)
{
    (s->across ? pairs->pack_cols : pairs->pack_rows)(at(s, lane, p), (size_t)s->ld, (size_t)lanes, (size_t)depth, width, out);
}

/* A part of C that is not a whole tile of the kernel, or crosses the diagonal. */
static void ragged(const vq_bf16_product *q, const vq_bf16_pairs *pairs, const uint32_t *a, const uint32_t *b, size_t depth, bool add,
                   const area *t)
{
    float made[VQ_PAIRS_ROWS * VQ_PAIRS_COLS];
    pairs->tile(a, b, depth, false, made, VQ_PAIRS_COLS);
    for (int64_t r = 0; r < t->rows; r++) {
        const int64_t end = q->lower ? least(t->cols, t->i + r + 1 - t->j) : t->cols;
        float *c = q->c + (t->i + r) * q->ldc + t->j;
        for (int64_t s = 0; s < end; s++) c[s] = (add ? c[s] : 0) + made[r * VQ_PAIRS_COLS + s];
    }
}

/* Packed rows [t->i, t->i + t->rows) times packed columns [t->j, t->j + t->cols). */
static void multiply(const vq_bf16_product *q, const vq_bf16_pairs *pairs, const uint32_t *a, const uint32_t *b, size_t depth, bool add,
                     const area *t)
{
    for (int64_t j = 0; j < t->cols; j += VQ_PAIRS_COLS) {
        for (int64_t i = 0; i < t->rows; i += VQ_PAIRS_ROWS) {
            const area m = {t->i + i, least(VQ_PAIRS_ROWS, t->rows - i), t->j + j, least(VQ_PAIRS_COLS, t->cols - j)};
            const uint32_t *panel_a = a + i * (int64_t)depth, *panel_b = b + j * (int64_t)depth;
            if (q->lower && m.i + m.rows <= m.j) continue;
            if (m.rows < VQ_PAIRS_ROWS || m.cols < VQ_PAIRS_COLS || (q->lower && m.i < m.j + m.cols - 1))
                ragged(q, pairs, panel_a, panel_b, depth, add, &m);
            else
                pairs->tile(panel_a, panel_b, depth, add, q->c + m.i * q->ldc + m.j, (size_t)q->ldc);
        }
    }
}

static void tile_of_pairs(const vq_bf16_product *q, const vq_bf16_pairs *pairs, const area *t)
{
    alignas(64) uint32_t a[PACKED_ROWS * PAIRS_DEPTH / 2];
    alignas(64) uint32_t b[TILE_COLS * PAIRS_DEPTH / 2];
    const int64_t depth = even_part(q->k, PAIRS_DEPTH, 2);
    for (int64_t p = 0; p < q->k; p += depth) {
        const int64_t here = least(depth, q->k - p);
        pack(pairs, &q->b, t->j, t->cols, p, here, VQ_PAIRS_COLS, b);
        for (int64_t i = 0; i < t->rows; i += PACKED_ROWS) {
            const area m = {t->i + i, least(PACKED_ROWS, t->rows - i), t->j, t->cols};
            if (q->lower && m.i + m.rows <= m.j) continue;
            pack(pairs, &q->a, m.i, m.rows, p, here, VQ_PAIRS_ROWS, a);
            multiply(q, pairs, a, b, (size_t)(here + 1) / 2, q->add || p > 0, &m);
        }
    }
}

/* A block of one side as it lies, rounded: [lanes][depth], or across: [depth][lanes]. */
static void copy_rounded(const vq_kernels *kr, const vq_bf16_side *s, int64_t lane, int64_t lanes, int64_t p, int64_t depth, float *out)
{
    uint16_t half[COPY_DEPTH];
    const int64_t rows = s->across ? depth : lanes, cols = s->across ? lanes : depth;
    for (int64_t r = 0; r < rows; r++) {
        kr->f32_to_bf16(at(s, lane, p) + r * s->ld, half, (size_t)cols);
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
        const blasint lda = q->a.across ? rows : (blasint)depth, ldb = q->b.across ? cols : (blasint)depth;
        copy_rounded(kr, &q->a, t->i, t->rows, p, depth, a);
        if (q->lower && t->i == t->j) {
            cblas_ssyrk(CblasRowMajor, CblasLower, q->a.across ? CblasTrans : CblasNoTrans, rows, (blasint)depth, 1, a, lda, 1, c,
                        (blasint)q->ldc);
            continue;
        }
        copy_rounded(kr, &q->b, t->j, t->cols, p, depth, b);
        cblas_sgemm(CblasRowMajor, q->a.across ? CblasTrans : CblasNoTrans, q->b.across ? CblasNoTrans : CblasTrans, rows, cols,
                    (blasint)depth, 1, a, lda, b, ldb, q->add || p > 0 ? 1 : 0, c, (blasint)q->ldc);
    }
}

static void clear(const vq_bf16_product *q)
{
    for (int64_t i = 0; i < q->m; i++)
        for (int64_t j = 0; j < q->n; j++) q->c[i * q->ldc + j] = 0;
}

void vq_bf16_multiply(const vq_kernels *kr, const vq_bf16_product *q)
{
    if (q->k == 0 && !q->add) clear(q);
    if (q->m == 0 || q->n == 0 || q->k == 0) return;
    const vq_bf16_pairs *pairs = kr->pairs;
    const int64_t most_cols = pairs ? TILE_COLS : COPY_SIDE, most_rows = !pairs ? COPY_SIDE : q->lower ? TILE_COLS : TILE_ROWS;
    const int64_t cols = even_part(q->n, most_cols, VQ_PAIRS_COLS), rows = q->lower ? cols : even_part(q->m, most_rows, VQ_PAIRS_ROWS);
    const int64_t across = (q->n + cols - 1) / cols, tiles = (q->m + rows - 1) / rows * across;
#pragma omp parallel for schedule(dynamic) if (q->m * q->n * q->k > VQ_PARALLEL_MIN_MACS)
    for (int64_t tile = tiles - 1; tile >= 0; tile--) {
        const area t = {.i = tile / across * rows, .j = tile % across * cols};
        const area whole = {t.i, least(rows, q->m - t.i), t.j, least(cols, q->n - t.j)};
        if (q->lower && whole.i + whole.rows <= whole.j) continue;
        if (pairs)
            tile_of_pairs(q, pairs, &whole);
        else
            tile_of_copies(q, kr, &whole);
    }
}
