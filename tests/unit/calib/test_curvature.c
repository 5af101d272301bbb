/* test_curvature.c -- sums of outer products against a plain triple loop in f64; threads and cuts
 * make no difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "base/rng.h"
#include "calib/observer.h"
#include "show.h"

enum { SAMPLES = 6, LENGTH = 19, TOKENS = SAMPLES * LENGTH, K = 70, N = 45 };

static float x[TOKENS * K], g[TOKENS * N];

static void fill(void)
{
    for (int i = 0; i < TOKENS * K; i++)
        x[i] = (float)(vq_rng_unit(3, (uint64_t)i) - 0.4) * (i % K == 7 ? 50 : 1);
    for (int i = 0; i < TOKENS * N; i++)
        g[i] = (float)(vq_rng_unit(4, (uint64_t)i) - 0.5) * (float)(i / N % LENGTH == 0 ? 1000 : 1);
}

static vq_kernels kernels(bool strict)
{
    vq_kernels kr;
    assert_int_equal(vq_kernels_select(&kr, NULL, strict, NULL), VQ_OK);
    return kr;
}

/* sum over tokens of weight x x^T, held against `got`; first tokens of samples left out on request.
 */
static void check_sum(const float *got, const float *rows, const double *weight, int width,
                      int skip)
{
    for (int i = 0; i < width; i++)
        for (int j = 0; j < width; j++) {
            double want = 0, size = 0;
            for (int t = 0; t < TOKENS; t++) {
                if (t % LENGTH < skip) continue;
                const double term = (weight ? weight[t] : 1) * (double)rows[t * width + i] *
                                    (double)rows[t * width + j];
                want += term;
                size += fabs(term);
            }
            if (fabs((double)got[i * width + j] - want) > 1e-5 * size)
                fail_msg("entry %d %d: %g, not %g", i, j, (double)got[i * width + j], want);
            assert_eq(got[i * width + j], got[j * width + i]);
        }
}

static void add_stats(vq_stats *s, const vq_kernels *kr, int first, int samples)
{
    const vq_rows rows = {
        .x = x + first * LENGTH * K, .samples = samples, .length = LENGTH, .width = K};
    vq_stats_add(s, kr, &rows);
}

static void test_hessian(void **state)
{
    (void)state;
    fill();
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    for (int strict = 0; strict < 2; strict++) {
        const vq_kernels kr = kernels(strict);
        vq_stats s;
        assert_int_equal(vq_stats_new(&s, "test", K, VQ_NEED_HESSIAN | VQ_NEED_MEAN, &a, &e),
                         VQ_OK);
        add_stats(&s, &kr, 0, 2);
        add_stats(&s, &kr, 2, SAMPLES - 2);
        assert_int_equal(vq_stats_end(&s, &e), VQ_OK);
        check_sum(s.hessian, x, NULL, K, 0);
        for (int c = 0; c < K; c++) {
            double want = 0;
            for (int t = 0; t < TOKENS; t++) want += (double)fabsf(x[t * K + c]);
            assert_eq(s.abs_sum[c], want);
        }
        assert_int_equal(s.samples, SAMPLES);
        assert_null(s.min);
    }
    vq_arena_done(&a);
}

static void add_curvature(vq_curvature *c, const vq_kernels *kr, int first, int samples,
                          vq_arena *a)
{
    const vq_rows in = {
        .x = x + first * LENGTH * K, .samples = samples, .length = LENGTH, .width = K};
    const vq_rows grad = {
        .x = g + first * LENGTH * N, .samples = samples, .length = LENGTH, .width = N};
    assert_int_equal(vq_curvature_add(c, kr, &in, &grad, true, a, NULL), VQ_OK);
}

static void test_curvature(void **state)
{
    (void)state;
    fill();
    double weight[TOKENS] = {0};
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < N; i++) weight[t] += (double)g[t * N + i] * (double)g[t * N + i];
    vq_arena a;
    vq_arena_init(&a, NULL);
    const vq_kernels kr = kernels(false);
    vq_curvature c;
    assert_int_equal(vq_curvature_new(&c, "test", N, K, VQ_NEED_GRADIENT, &a, NULL), VQ_OK);
    add_curvature(&c, &kr, 0, SAMPLES, &a);
    assert_int_equal(vq_curvature_end(&c, K, NULL), VQ_OK);
    check_sum(c.input, x, weight, K, 0);
    check_sum(c.output, g, NULL, N, 1);
    assert_int_equal(vq_curvature_new(&c, "test", N, K, VQ_NEED_OUTPUT, &a, NULL), VQ_OK);
    assert_null(c.input);
    add_curvature(&c, &kr, 0, SAMPLES, &a);
    vq_arena_done(&a);
}

/* Wide enough that several threads share the tiles. */
static void test_threads_and_cuts(void **state)
{
    (void)state;
    enum { WIDE = 600, ROWS = 64 };
    float *rows = malloc(2 * ROWS * WIDE * sizeof *rows), *one = calloc(WIDE * WIDE, sizeof *one),
          *many = calloc(WIDE * WIDE, sizeof *many);
    assert_true(rows && one && many);
    for (int i = 0; i < 2 * ROWS * WIDE; i++) rows[i] = (float)vq_rng_unit(5, (uint64_t)i);
    const vq_kernels kr = kernels(false);
    const int before = omp_get_max_threads();
    const vq_rows both = {.x = rows, .samples = 2, .length = ROWS, .width = WIDE};
    omp_set_num_threads(1);
    vq_outer_add(one, &kr, &both, 0);
    omp_set_num_threads(3);
    for (int s = 0; s < 2; s++) {
        const vq_rows sample = {
            .x = rows + s * ROWS * WIDE, .samples = 1, .length = ROWS, .width = WIDE};
        vq_outer_add(many, &kr, &sample, 0);
    }
    omp_set_num_threads(before);
    assert_int_equal(vq_outer_end(one, WIDE, "test", "Hessian", NULL), VQ_OK);
    assert_int_equal(vq_outer_end(many, WIDE, "test", "Hessian", NULL), VQ_OK);
    assert_memory_equal(one, many, WIDE * WIDE * sizeof *one);
    free(rows);
    free(one);
    free(many);
}

static void test_overflow_is_said(void **state)
{
    (void)state;
    vq_err e;
    float sum[4] = {1, 0, 0, INFINITY};
    assert_int_equal(vq_outer_end(sum, 2, "mlp.down", "Hessian", &e), VQ_E_NUMERIC);
    assert_string_equal(e.text, "mlp.down: the sum for its Hessian is not finite at channel 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hessian), cmocka_unit_test(test_curvature),
        cmocka_unit_test(test_threads_and_cuts), cmocka_unit_test(test_overflow_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
