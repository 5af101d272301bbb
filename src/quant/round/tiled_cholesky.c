/* tiled_cholesky.c -- left-looking over columns of tiles: each tile takes all that lies left of it
 * in one product, then is solved against the diagonal, whose inverse makes that a product too. */
#include "quant/round/tiled_cholesky.h"

#include <cblas.h>
#include <f77blas.h>
#include <math.h>
#include <string.h>

/* Side of a tile for matrices of at most `most` rows. BLAS packs both operands for each product:
 * larger tiles mean fewer products and so less packing. */
static const struct {
    int64_t most, size;
} sizes[] = {{1024, 64}, {4096, 128}, {12288, 256}, {INT64_MAX, 512}};

vq_tiles vq_tiles_shape(int64_t n)
{
    int i = 0;
    while (n > sizes[i].most) i++;
    const int64_t size = sizes[i].size;
    return (vq_tiles){.n = n, .size = size, .count = (n + size - 1) / size};
}

double vq_tiles_macs(const vq_tiles *t)
{
    const double size = (double)t->size, count = (double)t->count, cube = size * size * size;
    const double gathered = (count - 1) * count * (count + 1) / 6,
                 solved = (count - 1) * count / 2; /* tiles times tiles; tiles */
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
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k,
                    -1.0, a.x, (blasint)a.ld, b.x, (blasint)b.ld, 1.0, c.x, (blasint)c.ld);
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

/* Solves x' L^T = x for each row of x [n][n] in place, L [n][n] lower. Not strict: by a product
 * with the inverse of L. */
static void solve_rows(view x, view l, const double *inverse, int64_t n, bool strict)
{
    if (!strict) {
        const blasint m = (blasint)n;
        cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, m, m, 1.0,
                    inverse, m, x.x, (blasint)x.ld);
        return;
    }
    for (int64_t r = 0; r < n; r++) {
        double *row = x.x + r * x.ld;
        for (int64_t c = 0; c < n; c++) {
            for (int64_t p = 0; p < c; p++) row[c] -= row[p] * l.x[c * l.ld + p];
            row[c] /= l.x[c * l.ld + c];
        }
    }
}

static bool factor_strict(view a, int64_t n, double least)
{
    for (int64_t c = 0; c < n; c++) {
        const double pivot = a.x[c * a.ld + c];
        if (!(pivot > least)) return false;
        const double root = sqrt(pivot);
        a.x[c * a.ld + c] = root;
        for (int64_t i = c + 1; i < n; i++) a.x[i * a.ld + c] /= root;
        for (int64_t i = c + 1; i < n; i++)
            for (int64_t j = c + 1; j <= i; j++)
                a.x[i * a.ld + j] -= a.x[i * a.ld + c] * a.x[j * a.ld + c];
    }
    return true;
}

/* Cholesky factor of a diagonal tile [n][n] in place and, unless strict, its inverse. LAPACK stores
 * matrices by columns, so it calls our lower triangle its upper one. false: a pivot is not above
 * `least`. */
static bool factor_tile(view a, int64_t n, double *inverse, double least, bool strict)
{
    if (strict) return factor_strict(a, n, least);
    char upper = 'U', plain = 'N';
    blasint m = (blasint)n, ld = (blasint)a.ld, info = 0;
    (void)dpotrf_(&upper, &m, a.x, &ld, &info);
    if (info != 0) return false;
    for (int64_t i = 0; i < n; i++) {
        const double root = a.x[i * a.ld + i];
        if (!(root * root > least)) return false;
        memcpy(inverse + i * n, a.x + i * a.ld, (size_t)(i + 1) * sizeof *inverse);
    }
    (void)dtrtri_(&upper, &plain, &m, inverse, &m, &info);
    return info == 0;
}

static view band(const vq_tiles *t, int64_t i)
{
    return (view){vq_tiles_row(t, i * t->size), vq_tiles_length(t, i)};
}

/* A_ij -= sum over columns of tiles p in [from, to) of L_ip L_jp^T: the part of the factor to the
 * left of tile (i, j). */
static void gather(const vq_tiles *t, int64_t i, int64_t j, int64_t from, int64_t to, bool strict)
{
    const view a = at(band(t, i), 0, from * t->size), b = at(band(t, j), 0, from * t->size);
    subtract_product(at(band(t, i), 0, j * t->size), a, b, t->size, t->size, (to - from) * t->size,
                     strict);
}

/* Column j of the factor below the diagonal tile, which is factored already: A_ij -= the columns to
 * the left, then A_ij := A_ij L_jj^-T. The next diagonal tile, (j + 1, j + 1), gets the products of
 * columns [0, j) at the same time in the free slot i == j. So all that is left between two columns
 * is its product with column j and its own factor. */
static void do_column(const vq_tiles *t, int64_t j, const double *inverse, bool strict)
{
    const view diagonal = at(band(t, j), 0, j * t->size);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = j; i < t->count; i++) {
        if (i == j) {
            if (j + 1 < t->count) gather(t, j + 1, j + 1, 0, j, strict);
            continue;
        }
        gather(t, i, j, 0, j, strict);
        solve_rows(at(band(t, i), 0, j * t->size), diagonal, inverse, t->size, strict);
    }
}

bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict)
{
    double *inverse = t->data + vq_tiles_doubles(t) - t->size * t->size;
    for (int64_t j = 0; j < t->count; j++) {
        if (j > 0) gather(t, j, j, j - 1, j, strict);
        if (!factor_tile(at(band(t, j), 0, j * t->size), t->size, inverse, least, strict))
            return false;
        do_column(t, j, inverse, strict);
    }
    return true;
}
