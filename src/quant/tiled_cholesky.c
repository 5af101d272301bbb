/* tiled_cholesky.c -- left-looking over columns of tiles: each tile takes all that lies left of it, then is solved against the diagonal. */
#include "quant/tiled_cholesky.h"

#include <cblas.h>
#include <math.h>

enum { SMALL_TILE = 64, TILE = 256, SMALL_MOST = 2048 };

vq_tiles vq_tiles_shape(int64_t n)
{
    const int64_t size = n > SMALL_MOST ? TILE : SMALL_TILE;
    return (vq_tiles){.n = n, .size = size, .count = (n + size - 1) / size};
}

/* c -= a b^T */
static void subtract_product(double *c, const double *a, const double *b, int64_t n, bool strict)
{
    if (!strict) {
        const blasint m = (blasint)n;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, m, -1.0, a, m, b, m, 1.0, c, m);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < n; p++) sum += a[i * n + p] * b[j * n + p];
            c[i * n + j] -= sum;
        }
    }
}

/* x L^T = x for every row of x, L lower. */
static void solve_rows(double *x, const double *l, int64_t n, bool strict)
{
    if (!strict) {
        const blasint m = (blasint)n;
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, m, m, 1.0, l, m, x, m);
        return;
    }
    for (int64_t r = 0; r < n; r++) {
        double *row = x + r * n;
        for (int64_t c = 0; c < n; c++) {
            for (int64_t p = 0; p < c; p++) row[c] -= row[p] * l[c * n + p];
            row[c] /= l[c * n + c];
        }
    }
}

static bool factor_tile(double *a, int64_t n, double least)
{
    double column[TILE];
    for (int64_t c = 0; c < n; c++) {
        const double pivot = a[c * n + c];
        if (!(pivot > least)) return false;
        const double root = sqrt(pivot);
        a[c * n + c] = root;
        for (int64_t i = c + 1; i < n; i++) column[i] = a[i * n + c] /= root;
        for (int64_t i = c + 1; i < n; i++)
            for (int64_t j = c + 1; j <= i; j++) a[i * n + j] -= column[i] * column[j];
    }
    return true;
}

static void gather_left(const vq_tiles *t, int64_t i, int64_t j, bool strict)
{
    for (int64_t p = 0; p < j; p++) subtract_product(vq_tile(t, i, j), vq_tile(t, i, p), vq_tile(t, j, p), t->size, strict);
}

bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict)
{
    for (int64_t j = 0; j < t->count; j++) {
        gather_left(t, j, j, strict);
        if (!factor_tile(vq_tile(t, j, j), t->size, least)) return false;
#pragma omp parallel for schedule(dynamic)
        for (int64_t i = j + 1; i < t->count; i++) {
            gather_left(t, i, j, strict);
            solve_rows(vq_tile(t, i, j), vq_tile(t, j, j), t->size, strict);
        }
    }
    return true;
}
