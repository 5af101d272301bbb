/* test_tiled_cholesky.c -- the factor in bands against plain loops in f64, over band edges; pivots
 * that are too small; threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "kernels/kernels.h"
#include "quant/round/tiled_cholesky.h"
#include "show.h"

/* Symmetric with a diagonal that dominates. */
static double element(int64_t i, int64_t j)
{
    const int64_t a = i > j ? i : j, b = i > j ? j : i;
    return i == j ? 3.0 + (double)(i % 7) : sin((double)(a * 31 + b * 17)) / (double)(a - b + 4);
}

static vq_tiles filled(int64_t n, int64_t size)
{
    vq_tiles t = vq_tiles_shape(n);
    if (size) t = (vq_tiles){.n = n, .size = size, .count = (n + size - 1) / size};
    t.data = calloc((size_t)vq_tiles_doubles(&t), sizeof *t.data);
    for (int64_t i = 0; i < t.count * t.size; i++)
        for (int64_t j = 0; j <= i; j++) vq_tiles_row(&t, i)[j] = i < n ? element(i, j) : i == j;
    return t;
}

static double *plain(int64_t n)
{
    double *l = calloc((size_t)(n * n), sizeof *l);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = element(i, j);
            for (int64_t p = 0; p < j; p++) sum -= l[i * n + p] * l[j * n + p];
            l[i * n + j] = i == j ? sqrt(sum) : sum / l[j * n + j];
        }
    return l;
}

static void like_plain_loops(void **state)
{
    static const struct {
        int64_t n, size;
    } cases[] = {{1, 0},   {2, 0},     {63, 0},    {64, 0},   {65, 0},
                 {130, 0}, {300, 256}, {520, 256}, {700, 512}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int strict = 0; strict < 2; strict++) {
            const int64_t n = cases[i].n;
            vq_tiles t = filled(n, cases[i].size);
            double *l = plain(n);
            assert_true(vq_tiles_cholesky(&t, 1e-6, strict));
            for (int64_t r = 0; r < n; r++)
                for (int64_t c = 0; c <= r; c++)
                    assert_near(vq_tiles_row(&t, r)[c], l[r * n + c], 1e-12);
            for (int64_t r = n; r < t.count * t.size; r++) assert_eq(vq_tiles_row(&t, r)[r], 1);
            free(l);
            free(t.data);
        }
}

/* Every size of band that vq_tiles_shape gives. */
static void shapes(void **state)
{
    static const struct {
        int64_t n, size;
    } cases[] = {{1, 64},      {1024, 64},   {1025, 128}, {4097, 256},
                 {12288, 256}, {12289, 512}, {28672, 512}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const vq_tiles t = vq_tiles_shape(cases[i].n);
        assert_int_equal(t.size, cases[i].size);
        assert_ge(t.count * t.size, cases[i].n);
        assert_lt((t.count - 1) * t.size, cases[i].n);
    }
}

static void same_bits(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    vq_tiles one = filled(1000, 128), three = filled(1000, 128);
    omp_set_num_threads(1);
    assert_true(vq_tiles_cholesky(&one, 1e-6, false));
    omp_set_num_threads(3);
    assert_true(vq_tiles_cholesky(&three, 1e-6, false));
    omp_set_num_threads(threads);
    for (int64_t r = 0; r < 1000; r++)
        assert_memory_equal(vq_tiles_row(&one, r), vq_tiles_row(&three, r),
                            (size_t)(r + 1) * sizeof(double));
    free(one.data);
    free(three.data);
}

/* Row n - 1 is a copy of the one before: the last pivot is rounding noise. */
static void small_pivots(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        vq_tiles t = filled(300, 128);
        for (int64_t j = 0; j < 299; j++) vq_tiles_row(&t, 299)[j] = vq_tiles_row(&t, 298)[j];
        vq_tiles_row(&t, 299)[299] = vq_tiles_row(&t, 299)[298];
        assert_false(vq_tiles_cholesky(&t, 1e-8, strict));
        free(t.data);
    }
}

int main(void)
{
    vq_kernels kr;
    vq_err e;
    if (vq_kernels_select(&kr, NULL, false, &e) != VQ_OK) return 1; /* one thread per BLAS call */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_plain_loops),
        cmocka_unit_test(shapes),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(small_pivots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
