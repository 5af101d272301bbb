/* test_gemm.c -- products of small powers of two, so that every sum is exact and the compare is bit
 * for bit; thread counts; strict mode. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "kernels/kernels.h"
#include "show.h"

static vq_kernels fast, strict;
static vq_arena arena;

static float *room(int64_t n)
{
    vq_err e;
    float *x = VQ_ALLOC(&arena, float, n, "matrix", &e);
    assert_non_null(x);
    return x;
}

/* 0, +-1, +-2, +-4 */
static float *powers(int64_t n, uint32_t seed)
{
    static const float value[] = {0, 1, -1, 2, -2, 4, -4, 1};
    float *x = room(n);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = value[seed >> 29];
    }
    return x;
}

static const float margin = -77.0F;

/* C has rows of n + 3; what lies beyond n must stay. */
static float *open_c(int64_t m, int64_t n)
{
    float *c = room(m * (n + 3));
    for (int64_t i = 0; i < m * (n + 3); i++) c[i] = margin;
    return c;
}

/* b_t: B is [n][k] and transposed, else [k][n]. */
static void assert_product(const float *c, const float *a, const float *b, int64_t m, int64_t n,
                           int64_t k, bool b_t, double alpha)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double s = 0;
            for (int64_t p = 0; p < k; p++)
                s += (double)a[i * (k + 1) + p] *
                     (double)(b_t ? b[j * (k + 2) + p] : b[p * (n + 2) + j]);
            assert_eq((double)c[i * (n + 3) + j], alpha * s);
        }
        for (int64_t j = n; j < n + 3; j++) assert_eq(c[i * (n + 3) + j], margin);
    }
}

static const int64_t shapes[][3] = {{1, 1, 1},    {3, 5, 7},    {16, 16, 16},   {17, 33, 65},
                                    {1, 900, 40}, {600, 3, 31}, {515, 771, 20}, {513, 3073, 5},
                                    {64, 64, 0},  {0, 4, 4}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static void products(const vq_kernels *kr)
{
    for (size_t s = 0; s < SHAPES; s++) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        const vq_arena_mark mark = vq_arena_here(&arena);
        const float *a = powers(m * (k + 1), 1), *b = powers(n * (k + 2), 2),
                    *bn = powers(k * (n + 2), 3);
        float *c = open_c(m, n);
        vq_gemm_nt(kr, m, n, k, a, k + 1, b, k + 2, c, n + 3);
        assert_product(c, a, b, m, n, k, true, 1);
        c = open_c(m, n);
        vq_gemm_tile_nt(kr, m, n, k, 0.25F, a, k + 1, b, k + 2, c, n + 3);
        assert_product(c, a, b, m, n, k, true, 0.25);
        c = open_c(m, n);
        vq_gemm_tile_nn(kr, m, n, k, a, k + 1, bn, n + 2, c, n + 3);
        assert_product(c, a, bn, m, n, k, false, 1);
        vq_arena_rewind(&arena, mark);
    }
}

/* C += A^T B of [m][n] and [m][k]; lower: only where column <= row, the rest stays. */
static void assert_outer(const float *c, const float *before, const float *a, int64_t lda,
                         const float *b, int64_t ldb, int64_t m, int64_t n, int64_t k, bool lower)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < k + 3; j++) {
            double s = (double)before[i * (k + 3) + j];
            for (int64_t p = 0; p < m && j < k && (!lower || j <= i); p++)
                s += (double)a[p * lda + i] * (double)b[p * ldb + j];
            assert_eq((double)c[i * (k + 3) + j], s);
        }
    }
}

static float *copy_of(const float *x, int64_t n)
{
    float *c = room(n);
    memcpy(c, x, (size_t)n * sizeof *c);
    return c;
}

/* C += A B over the long side, and sums of outer products, on top of what C holds. */
static void sums(const vq_kernels *kr)
{
    static const int64_t sizes[][3] = {{1, 1, 1},    {7, 5, 3},    {64, 17, 33},  {20, 515, 771},
                                       {33, 800, 3}, {3, 1200, 4}, {600, 130, 9}, {200, 140, 2},
                                       {0, 4, 4},    {4, 0, 4}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        const vq_arena_mark mark = vq_arena_here(&arena);
        const float *a = powers(m * (n + 1), 1), *b = powers(m * (k + 2), 2),
                    *before = powers(n * (k + 3), 3);
        float *c = copy_of(before, n * (k + 3));
        vq_gemm_tn_add(kr, m, n, k, a, n + 1, b, k + 2, c, k + 3);
        assert_outer(c, before, a, n + 1, b, k + 2, m, n, k, false);
        const float *square = powers(n * (n + 3), 4);
        c = copy_of(square, n * (n + 3));
        vq_gemm_tn_add_lower(kr, m, n, a, n + 1, c, n + 3);
        assert_outer(c, square, a, n + 1, a, n + 1, m, n, n, true);
        vq_arena_rewind(&arena, mark);
    }
    for (size_t s = 0; s < SHAPES; s++) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        const vq_arena_mark mark = vq_arena_here(&arena);
        const float *a = powers(m * (k + 1), 1), *b = powers(k * (n + 2), 2);
        float *c = open_c(m, n);
        vq_gemm_nn(kr, m, n, k, a, k + 1, b, n + 2, c, n + 3);
        assert_product(c, a, b, m, n, k, false, 1);
        vq_gemm_nn_add(kr, m, n, k, a, k + 1, b, n + 2, c, n + 3);
        assert_product(c, a, b, m, n, k, false, 2);
        vq_arena_rewind(&arena, mark);
    }
}

static void test_sums(void **state)
{
    (void)state;
    sums(&fast);
    sums(&strict);
}

static void test_mirror(void **state)
{
    (void)state;
    enum { SIDE = 300 };
    float *c = room(SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) c[i] = i % SIDE > i / SIDE ? NAN : (float)i;
    vq_mirror_lower(c, SIDE);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j <= i; j++) {
            assert_eq(c[i * SIDE + j], (float)(i * SIDE + j));
            assert_eq(c[j * SIDE + i], c[i * SIDE + j]);
        }
}

static void test_fast(void **state)
{
    (void)state;
    products(&fast);
}

static void test_strict(void **state)
{
    (void)state;
    products(&strict);
}

/* Every product that uses threads, on one pair of matrices with ordinary values, where the order of
 * the sums shows. */
static void all_products(const vq_kernels *kr, const float *a, const float *b, float *c)
{
    const int64_t m = 700, n = 900, k = 130;
    vq_gemm_nt(kr, m, n, k, a, k, b, k, c, n);
    vq_gemm_nn(kr, m, n, k, a, k, b, n, c + m * n, n);
    vq_gemm_nn_add(kr, 200, n, k, a, k, b, n, c + m * n, n);
    vq_gemm_tn_add(kr, k, m, n, a, m, b, n, c + m * n, n);
    vq_gemm_tn_add_lower(kr, k, m, a, m, c + m * n, n);
}

/* The same bits for 1, 2 and 3 threads, and in strict mode at every level. */
static void test_threads(void **state)
{
    (void)state;
    const int64_t m = 700, n = 900, k = 130, size = 2 * m * n;
    float *a = room(m * k), *b = room(n * k), *first = room(size), *c = room(size);
    for (int64_t i = 0; i < m * k; i++) a[i] = 1.0F / (float)(3 + i % 1009);
    for (int64_t i = 0; i < n * k; i++) b[i] = 1.0F / (float)(7 + i % 977) - 0.01F;
    all_products(&fast, a, b, first);
    for (int t = 1; t <= 3; t++) {
        omp_set_num_threads(t);
        all_products(&fast, a, b, c);
        assert_memory_equal(c, first, (size_t)size * sizeof *c);
    }
    const char *const levels[] = {"ref", "avx2", "avx512", "amx"};
    all_products(&strict, a, b, first);
    for (int l = 0; l < (int)(sizeof levels / sizeof *levels); l++) {
        vq_kernels kr;
        vq_err e;
        if (vq_kernels_select(&kr, levels[l], true, &e) != VQ_OK) continue;
        omp_set_num_threads(1 + l);
        all_products(&kr, a, b, c);
        assert_memory_equal(c, first, (size_t)size * sizeof *c);
    }
}

static int setup(void **state)
{
    (void)state;
    vq_err e;
    vq_arena_init(&arena, NULL);
    return vq_kernels_select(&fast, NULL, false, &e) || vq_kernels_select(&strict, NULL, true, &e);
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fast), cmocka_unit_test(test_strict),
                                       cmocka_unit_test(test_sums), cmocka_unit_test(test_mirror),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
