/* tiled_cholesky.c -- left-looking over columns of tiles: each tile takes all that lies left of it, then is solved against the diagonal. */
#include "quant/tiled_cholesky.h"

#include <cblas.h>
#include <f77blas.h>
#include <math.h>
#include <string.h>

enum { SMALL_TILE = 64, TILE = 128, LARGE_TILE = 256, SMALL_MOST = 1024, MOST = 4096 };

vq_tiles vq_tiles_shape(int64_t n)
{
    const int64_t size = n <= SMALL_MOST ? SMALL_TILE : n <= MOST ? TILE : LARGE_TILE;
    return (vq_tiles){.n = n, .size = size, .count = (n + size - 1) / size};
}

/* A tile: rows ld apart. */
typedef struct square {
    double *at;
    int64_t ld;
} square;

static square tile_at(const vq_tiles *t, int64_t i, int64_t j)
{
    return (square){.at = vq_tiles_row(t, i * t->size) + j * t->size, .ld = (i + 1) * t->size};
}

static void gather_strict(square c, square a, square b, int64_t n, int64_t left)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < left; p++) sum += a.at[i * a.ld + p] * b.at[j * b.ld + p];
            c.at[i * c.ld + j] -= sum;
        }
    }
}

/* Tile (i, j) less what the columns before it make up. */
static void gather_left(const vq_tiles *t, int64_t i, int64_t j, bool strict)
{
    const square c = tile_at(t, i, j), a = tile_at(t, i, 0), b = tile_at(t, j, 0);
    const blasint n = (blasint)t->size, left = (blasint)(j * t->size), lda = (blasint)a.ld, ldb = (blasint)b.ld;
    if (j == 0) return;
    if (strict)
        gather_strict(c, a, b, n, left);
    else
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, left, -1.0, a.at, lda, b.at, ldb, 1.0, c.at, lda);
}

/* x L^T = x for every row of x, L lower. Without strict by the inverse of L. */
static void solve_rows(square x, square l, const double *inverse, int64_t n, bool strict)
{
    if (!strict) {
        const blasint m = (blasint)n;
        cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, m, m, 1.0, inverse, m, x.at, (blasint)x.ld);
        return;
    }
    for (int64_t r = 0; r < n; r++) {
        double *row = x.at + r * x.ld;
        for (int64_t c = 0; c < n; c++) {
            for (int64_t p = 0; p < c; p++) row[c] -= row[p] * l.at[c * l.ld + p];
            row[c] /= l.at[c * l.ld + c];
        }
    }
}

static bool factor_strict(square a, int64_t n, double least)
{
    for (int64_t c = 0; c < n; c++) {
        const double pivot = a.at[c * a.ld + c];
        if (!(pivot > least)) return false;
        const double root = sqrt(pivot);
        a.at[c * a.ld + c] = root;
        for (int64_t i = c + 1; i < n; i++) a.at[i * a.ld + c] /= root;
        for (int64_t i = c + 1; i < n; i++)
            for (int64_t j = c + 1; j <= i; j++) a.at[i * a.ld + j] -= a.at[i * a.ld + c] * a.at[j * a.ld + c];
    }
    return true;
}

/* The tile on the diagonal; its inverse too, but in strict mode. LAPACK counts by columns: its upper triangle is our lower one. */
static bool factor_tile(square a, int64_t n, double *inverse, double least, bool strict)
{
    if (strict) return factor_strict(a, n, least);
    char upper = 'U', plain = 'N';
    blasint m = (blasint)n, ld = (blasint)a.ld, info = 0;
    (void)dpotrf_(&upper, &m, a.at, &ld, &info);
    if (info != 0) return false;
    for (int64_t i = 0; i < n; i++) {
        const double root = a.at[i * a.ld + i];
        if (!(root * root > least)) return false;
        memcpy(inverse + i * n, a.at + i * a.ld, (size_t)(i + 1) * sizeof *inverse);
    }
    (void)dtrtri_(&upper, &plain, &m, inverse, &m, &info);
    return info == 0;
}

bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict)
{
    double *inverse = t->data + vq_tiles_doubles(t) - t->size * t->size;
    for (int64_t j = 0; j < t->count; j++) {
        const square diagonal = tile_at(t, j, j);
        gather_left(t, j, j, strict);
        if (!factor_tile(diagonal, t->size, inverse, least, strict)) return false;
#pragma omp parallel for schedule(dynamic)
        for (int64_t i = j + 1; i < t->count; i++) {
            gather_left(t, i, j, strict);
            solve_rows(tile_at(t, i, j), diagonal, inverse, t->size, strict);
        }
    }
    return true;
}
