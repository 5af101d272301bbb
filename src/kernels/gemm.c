/* gemm.c -- matrix products: OpenBLAS on one thread per tile, fixed-order loops in strict mode, or
 * inputs in bf16 (bf16_product.c). A tile's shape depends on the matrix alone, so every thread
 * count gives the same bits. */
#include <cblas.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/bf16_product.h"

/* Wide tiles, because every tile packs its operands anew; narrower ones where there is only one row
 * of tiles to share out. */
#define TILE_ROWS 512
#define TILE_COLS 3072
#define TILE_COLS_FLAT 768

/* Products whose sum is over the long side (a vocabulary, a batch of tokens): what a tile packs it
 * must use often, yet there must be a few. */
#define TILE_ROWS_DEEP 128
#define TILE_COLS_DEEP 384
#define TILE_OUTER 384

static void strict_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, float alpha,
                      const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                      int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * ldc + j] = alpha * (float)kr->dot(a + i * lda, b + j * ldb, (size_t)k);
}

/* C += A B */
static void strict_nn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] += a[i * lda + p] * b[p * ldb + j];
}

/* C += A^T B */
static void strict_tn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc)
{
    for (int64_t p = 0; p < m; p++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < k; j++) c[i * ldc + j] += a[p * lda + i] * b[p * ldb + j];
}

/* The product as bf16_product.h says it, when this run's products take inputs in bf16. */
static bool in_bf16(const vq_kernels *kr, const vq_bf16_product *p)
{
    if (!kr->bf16 || kr->strict) return false;
    vq_bf16_multiply(kr, p);
    return true;
}

static bool tile_in_bf16(const vq_kernels *kr, const vq_bf16_product *p)
{
    if (!kr->bf16 || kr->strict) return false;
    vq_bf16_multiply_tile(kr, p);
    return true;
}

static void scale_tile(int64_t m, int64_t n, float alpha, float *c, int64_t ldc)
{
    for (int64_t i = 0; alpha != 1 && i < m; i++)
        for (int64_t j = 0; j < n; j++) c[i * ldc + j] *= alpha;
}

void vq_gemm_tile_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, float alpha,
                     const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                     int64_t ldc)
{
    if (m == 0 || n == 0) return;
    if (tile_in_bf16(kr, &(vq_bf16_product){m, n, k, vq_bf16_rows(a, lda), vq_bf16_rows(b, ldb), c,
                                            ldc, false, false})) {
        scale_tile(m, n, alpha, c, ldc);
        return;
    }
    if (kr->strict) {
        strict_nt(kr, m, n, k, alpha, a, lda, b, ldb, c, ldc);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, alpha,
                a, (blasint)lda, b, (blasint)ldb, 0.0F, c, (blasint)ldc);
}

static void tile_nn(const vq_kernels *kr, float keep, int64_t m, int64_t n, int64_t k,
                    const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    if (m == 0 || n == 0) return;
    if (tile_in_bf16(kr, &(vq_bf16_product){m, n, k, vq_bf16_rows(a, lda), vq_bf16_columns(b, ldb),
                                            c, ldc, keep != 0, false}))
        return;
    if (!kr->strict) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k,
                    1.0F, a, (blasint)lda, b, (blasint)ldb, keep, c, (blasint)ldc);
        return;
    }
    if (keep == 0)
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    strict_nn(m, n, k, a, lda, b, ldb, c, ldc);
}

void vq_gemm_tile_nn(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                     int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    tile_nn(kr, 0, m, n, k, a, lda, b, ldb, c, ldc);
}

void vq_gemm_tile_tn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                         int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    if (n == 0 || k == 0) return;
    if (tile_in_bf16(kr, &(vq_bf16_product){n, k, m, vq_bf16_columns(a, lda),
                                            vq_bf16_columns(b, ldb), c, ldc, true, false}))
        return;
    if (kr->strict) {
        strict_tn(m, n, k, a, lda, b, ldb, c, ldc);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)n, (blasint)k, (blasint)m, 1.0F,
                a, (blasint)lda, b, (blasint)ldb, 1.0F, c, (blasint)ldc);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void vq_gemm_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc)
{
    if (in_bf16(kr, &(vq_bf16_product){m, n, k, vq_bf16_rows(a, lda), vq_bf16_rows(b, ldb), c, ldc,
                                       false, false}))
        return;
    const int64_t cols = m > TILE_ROWS ? TILE_COLS : TILE_COLS_FLAT;
    const int64_t across = (n + cols - 1) / cols, tiles = (m + TILE_ROWS - 1) / TILE_ROWS * across;
#pragma omp parallel for schedule(dynamic) if (m * n * k > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t i = t / across * TILE_ROWS, j = t % across * cols;
        vq_gemm_tile_nt(kr, least(TILE_ROWS, m - i), least(cols, n - j), k, 1.0F, a + i * lda, lda,
                        b + j * ldb, ldb, c + i * ldc + j, ldc);
    }
}

void vq_gemm_nt_stored(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                       int64_t lda, const void *b, float *c, int64_t ldc)
{
    vq_bf16_multiply(
        kr, &(vq_bf16_product){
                m, n, k, vq_bf16_rows(a, lda), {.ld = k, .stored = b}, c, ldc, false, false});
}

static void all_nn(const vq_kernels *kr, float keep, int64_t m, int64_t n, int64_t k,
                   const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    if (in_bf16(kr, &(vq_bf16_product){m, n, k, vq_bf16_rows(a, lda), vq_bf16_columns(b, ldb), c,
                                       ldc, keep != 0, false}))
        return;
    const int64_t rows = m > TILE_ROWS ? TILE_ROWS : TILE_ROWS_DEEP,
                  cols = m > TILE_ROWS ? TILE_COLS : TILE_COLS_DEEP;
    const int64_t across = (n + cols - 1) / cols, tiles = (m + rows - 1) / rows * across;
#pragma omp parallel for schedule(dynamic) if (m * n * k > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t i = t / across * rows, j = t % across * cols;
        tile_nn(kr, keep, least(rows, m - i), least(cols, n - j), k, a + i * lda, lda, b + j, ldb,
                c + i * ldc + j, ldc);
    }
}

void vq_gemm_nn(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc)
{
    all_nn(kr, 0, m, n, k, a, lda, b, ldb, c, ldc);
}

void vq_gemm_nn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    all_nn(kr, 1, m, n, k, a, lda, b, ldb, c, ldc);
}

/* Side of the tiles over n: at least two of them, of nearly one size. */
static int64_t outer_tile(int64_t n)
{
    const int64_t count = n <= 2 * TILE_OUTER ? 2 : (n + TILE_OUTER - 1) / TILE_OUTER;
    return ((n + count - 1) / count + 15) / 16 * 16;
}

void vq_gemm_tn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    if (n == 0 || k == 0) return;
    if (in_bf16(kr, &(vq_bf16_product){n, k, m, vq_bf16_columns(a, lda), vq_bf16_columns(b, ldb), c,
                                       ldc, true, false}))
        return;
    const int64_t rows = outer_tile(n), cols = outer_tile(k), across = (k + cols - 1) / cols,
                  tiles = (n + rows - 1) / rows * across;
#pragma omp parallel for schedule(dynamic) if (m * n * k > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t i = t / across * rows, j = t % across * cols;
        vq_gemm_tile_tn_add(kr, m, least(rows, n - i), least(cols, k - j), a + i, lda, b + j, ldb,
                            c + i * ldc + j, ldc);
    }
}

/* A tile on the diagonal: its lower triangle. */
static void tile_diagonal(const vq_kernels *kr, int64_t m, int64_t n, const float *a, int64_t lda,
                          float *c, int64_t ldc)
{
    if (!kr->strict) {
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n, (blasint)m, 1.0F, a,
                    (blasint)lda, 1.0F, c, (blasint)ldc);
        return;
    }
    for (int64_t p = 0; p < m; p++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++) c[i * ldc + j] += a[p * lda + i] * a[p * lda + j];
}

/* Row and column of the t-th tile below or on the diagonal, the longest rows first. */
static void lower_tile(int64_t side, int64_t t, int64_t *row, int64_t *col)
{
    for (*row = side - 1; t > *row; (*row)--) t -= *row + 1;
    *col = t;
}

void vq_gemm_tn_add_lower(const vq_kernels *kr, int64_t m, int64_t n, const float *a, int64_t lda,
                          float *c, int64_t ldc)
{
    if (n == 0) return;
    if (in_bf16(kr, &(vq_bf16_product){n, n, m, vq_bf16_columns(a, lda), vq_bf16_columns(a, lda), c,
                                       ldc, true, true}))
        return;
    const int64_t tile = outer_tile(n), side = (n + tile - 1) / tile;
#pragma omp parallel for schedule(dynamic) if (m * n * n / 2 > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = 0; t < side * (side + 1) / 2; t++) {
        int64_t row, col;
        lower_tile(side, t, &row, &col);
        const int64_t i = row * tile, j = col * tile, rows = least(tile, n - i);
        if (row == col)
            tile_diagonal(kr, m, rows, a + i, lda, c + i * ldc + i, ldc);
        else
            vq_gemm_tile_tn_add(kr, m, rows, tile, a + i, lda, a + j, lda, c + i * ldc + j, ldc);
    }
}

/* By squares that stay in the cache: whole columns of a large matrix would miss it at every
 * element. */
void vq_mirror_lower(float *c, int64_t n)
{
    enum { SQUARE = 64 };
#pragma omp parallel for schedule(dynamic) if (n * n > VQ_PARALLEL_MIN)
    for (int64_t top = 0; top < n; top += SQUARE)
        for (int64_t left = top; left < n; left += SQUARE)
            for (int64_t i = top; i < least(n, top + SQUARE); i++)
                for (int64_t j = left > i ? left : i + 1; j < least(n, left + SQUARE); j++)
                    c[i * n + j] = c[j * n + i];
}
