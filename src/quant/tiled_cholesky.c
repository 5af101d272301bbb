/* tiled_cholesky.c -- left-looking over columns of tiles: each tile takes all that lies left of it in one product, then is solved against
 * the diagonal. */
#include "quant/tiled_cholesky.h"

#include <cblas.h>
#include <math.h>

/* A product packs its operands anew: the larger the tile, the less that weighs. */
enum { SMALL_TILE = 64, TILE = 256, LARGE_TILE = 512, SMALL_MOST = 2048, MOST = 12288, LEAF = 64 };

vq_tiles vq_tiles_shape(int64_t n)
{
    const int64_t size = n <= SMALL_MOST ? SMALL_TILE : n <= MOST ? TILE : LARGE_TILE;
    return (vq_tiles){.n = n, .size = size, .count = (n + size - 1) / size};
}

double vq_tiles_macs(const vq_tiles *t)
{
    const double size = (double)t->size, count = (double)t->count, cube = size * size * size;
    const double gathered = (count - 1) * count * (count + 1) / 6, solved = (count - 1) * count / 2; /* tiles times tiles; tiles */
    return cube * (gathered + solved + count / 2);
}

/* A matrix with rows `ld` apart. */
typedef struct view {
    double *x;
    int64_t ld;
} view;

static view at(view v, int64_t row, int64_t column)
{
    return (view){v.x + row * v.ld + column, v.ld};
}

/* c[m][n] -= a[m][k] b[n][k]^T */
static void subtract_product(view c, view a, view b, int64_t m, int64_t n, int64_t k, bool strict)
{
    if (k == 0) return;
    if (!strict) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, -1.0, a.x, (blasint)a.ld, b.x,
                    (blasint)b.ld, 1.0, c.x, (blasint)c.ld);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++) sum += a.x[i * a.ld + p] * b.x[j * b.ld + p];
            c.x[i * c.ld + j] -= sum;
        }
    }
}

/* x L^T = x for every row of x[m][n], L[n][n] lower. */
static void solve_rows(view x, view l, int64_t m, int64_t n, bool strict)
{
    if (!strict) {
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (blasint)m, (blasint)n, 1.0, l.x, (blasint)l.ld, x.x,
                    (blasint)x.ld);
        return;
    }
    for (int64_t r = 0; r < m; r++) {
        double *row = x.x + r * x.ld;
        for (int64_t c = 0; c < n; c++) {
            for (int64_t p = 0; p < c; p++) row[c] -= row[p] * l.x[c * l.ld + p];
            row[c] /= l.x[c * l.ld + c];
        }
    }
}

static bool factor_leaf(view a, int64_t n, double least)
{
    double column[LEAF];
    for (int64_t c = 0; c < n; c++) {
        const double pivot = a.x[c * a.ld + c];
        if (!(pivot > least)) return false;
        const double root = sqrt(pivot);
        a.x[c * a.ld + c] = root;
        for (int64_t i = c + 1; i < n; i++) column[i] = a.x[i * a.ld + c] /= root;
        for (int64_t i = c + 1; i < n; i++)
            for (int64_t j = c + 1; j <= i; j++) a.x[i * a.ld + j] -= column[i] * column[j];
    }
    return true;
}

/* A diagonal tile by halves. */
static bool factor_tile(view a, int64_t n, double least, bool strict)
{
    if (n <= LEAF) return factor_leaf(a, n, least);
    const int64_t h = n / 2;
    const view below = at(a, h, 0), rest = at(a, h, h);
    if (!factor_tile(a, h, least, strict)) return false;
    solve_rows(below, a, n - h, h, strict);
    subtract_product(rest, below, below, n - h, n - h, h, strict);
    return factor_tile(rest, n - h, least, strict);
}

static view band(const vq_tiles *t, int64_t i)
{
    return (view){vq_tiles_row(t, i * t->size), vq_tiles_length(t, i)};
}

/* Tile (i, j) takes what columns of tiles [from, to) ask of it. */
static void gather(const vq_tiles *t, int64_t i, int64_t j, int64_t from, int64_t to, bool strict)
{
    const view a = at(band(t, i), 0, from * t->size), b = at(band(t, j), 0, from * t->size);
    subtract_product(at(band(t, i), 0, j * t->size), a, b, t->size, t->size, (to - from) * t->size, strict);
}

/* Column j below its factored diagonal tile. The next diagonal tile takes what is already there meanwhile, so that little is left to one
 * thread. */
static void do_column(const vq_tiles *t, int64_t j, bool strict)
{
    const view diagonal = at(band(t, j), 0, j * t->size);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = j; i < t->count; i++) {
        if (i == j) {
            if (j + 1 < t->count) gather(t, j + 1, j + 1, 0, j, strict);
            continue;
        }
        gather(t, i, j, 0, j, strict);
        solve_rows(at(band(t, i), 0, j * t->size), diagonal, t->size, t->size, strict);
    }
}

bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict)
{
    for (int64_t j = 0; j < t->count; j++) {
        if (j > 0) gather(t, j, j, j - 1, j, strict);
        if (!factor_tile(at(band(t, j), 0, j * t->size), t->size, least, strict)) return false;
        do_column(t, j, strict);
    }
    return true;
}
