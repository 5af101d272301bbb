/* gemm.c -- matrix products: OpenBLAS on one thread per tile, or fixed-order loops in strict mode.
 * A tile's shape depends on the matrix alone, so every thread count gives the same bits. */
#include <cblas.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"

/* Wide tiles, because every tile packs its operands anew; narrower ones where there is only one row of tiles to share out. */
#define TILE_ROWS 512
#define TILE_COLS 3072
#define TILE_COLS_FLAT 768

static void strict_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) c[i * ldc + j] = alpha * (float)kr->dot(a + i * lda, b + j * ldb, (size_t)k);
}

static void strict_nn(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++) {
        float *row = c + i * ldc;
        memset(row, 0, (size_t)n * sizeof *row);
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < n; j++) row[j] += a[i * lda + p] * b[p * ldb + j];
    }
}

void vq_gemm_tile_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                     int64_t ldb, float *c, int64_t ldc)
{
    if (m == 0 || n == 0) return;
    if (kr->strict) {
        strict_nt(kr, m, n, k, alpha, a, lda, b, ldb, c, ldc);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, 0.0F,
                c, (blasint)ldc);
}

void vq_gemm_tile_nn(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                     float *c, int64_t ldc)
{
    if (m == 0 || n == 0) return;
    if (kr->strict) {
        strict_nn(m, n, k, a, lda, b, ldb, c, ldc);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F, a, (blasint)lda, b, (blasint)ldb, 0.0F,
                c, (blasint)ldc);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void vq_gemm_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                int64_t ldc)
{
    const int64_t cols = m > TILE_ROWS ? TILE_COLS : TILE_COLS_FLAT;
    const int64_t across = (n + cols - 1) / cols, tiles = (m + TILE_ROWS - 1) / TILE_ROWS * across;
#pragma omp parallel for schedule(dynamic) if (m * n * k > VQ_PARALLEL_MIN_MACS)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t i = t / across * TILE_ROWS, j = t % across * cols;
        vq_gemm_tile_nt(kr, least(TILE_ROWS, m - i), least(cols, n - j), k, 1.0F, a + i * lda, lda, b + j * ldb, ldb, c + i * ldc + j, ldc);
    }
}
