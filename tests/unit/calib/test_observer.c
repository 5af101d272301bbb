/* test_observer.c -- statistics of inputs whose values are known, against loops and closed forms;
 * threads and cuts make no difference. */
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

enum { K = 150, TOKENS = 40, ALL = VQ_NEED_RANGE | VQ_NEED_TAIL | VQ_NEED_HISTOGRAM };

static void fill(float *x)
{
    for (int i = 0; i < TOKENS * K; i++)
        x[i] = (float)(vq_rng_unit(3, (uint64_t)i) - 0.4) * (i % K == 7 ? 50 : 1);
}

/* As one sample. */
static void add(vq_stats *s, const float *x, int64_t tokens)
{
    const vq_rows rows = {.x = x, .samples = 1, .length = tokens, .width = s->k};
    vq_kernels kernels;
    vq_err e;
    assert_int_equal(vq_kernels_select(&kernels, NULL, false, &e), VQ_OK);
    vq_stats_add(s, &kernels, &rows);
}

static void make(vq_stats *s, unsigned needs, const float *x, int64_t first_cut, vq_arena *a)
{
    vq_err e;
    assert_int_equal(vq_stats_new(s, "test", K, needs, a, &e), VQ_OK);
    add(s, x, first_cut);
    add(s, x + first_cut * K, TOKENS - first_cut);
}

static void test_against_loops(void **state)
{
    (void)state;
    static float x[TOKENS * K];
    fill(x);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_stats s;
    make(&s, ALL, x, 13, &a);
    assert_int_equal(s.tokens, TOKENS);
    for (int c = 0; c < K; c++) {
        float lo = x[c], hi = x[c];
        for (int t = 0; t < TOKENS; t++) {
            lo = fminf(lo, x[t * K + c]);
            hi = fmaxf(hi, x[t * K + c]);
        }
        assert_eq(s.min[c], lo);
        assert_eq(s.max[c], hi);
        assert_eq(s.absmax[c], fmaxf(-lo, hi));
    }
    uint64_t tail = 0, total = 0;
    for (int t = 0; t < TOKENS; t++) {
        float most = -INFINITY;
        for (int c = 0; c < K; c++) most = fmaxf(most, x[t * K + c]);
        for (int c = 0; c < K; c++) tail += x[t * K + c] > most / 8;
    }
    assert_int_equal(s.tail_count, tail);
    for (int b = 0; b < VQ_HIST_BINS; b++) total += s.histogram[b];
    assert_int_equal(total, TOKENS * K);
    vq_arena_done(&a);
}

static void test_threads_and_cuts(void **state)
{
    (void)state;
    static float x[TOKENS * K];
    fill(x);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_stats one, many;
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    make(&one, ALL, x, TOKENS, &a);
    omp_set_num_threads(3);
    make(&many, ALL, x, 1, &a);
    omp_set_num_threads(before);
    assert_memory_equal(one.min, many.min, K * sizeof(float));
    assert_memory_equal(one.max, many.max, K * sizeof(float));
    assert_memory_equal(one.absmax, many.absmax, K * sizeof(float));
    assert_memory_equal(one.histogram, many.histogram, VQ_HIST_BINS * sizeof(uint64_t));
    assert_int_equal(one.tail_count, many.tail_count);
    vq_arena_done(&a);
}

/* The rule is signed: in a token without positive entries even the largest lies below an eighth of
 * itself. */
static void test_tail_is_signed(void **state)
{
    (void)state;
    static const float rows[3][4] = {{8, 1, 1.5f, -9}, {-8, -1, -4, -16}, {0, 0, 0, 0}};
    static const uint64_t want[3] = {2, 0, 0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    for (int i = 0; i < 3; i++) {
        vq_stats s;
        assert_int_equal(vq_stats_new(&s, "test", 4, VQ_NEED_TAIL, &a, &e), VQ_OK);
        add(&s, rows[i], 1);
        assert_int_equal(s.tail_count, want[i]);
        assert_null(s.min);
        assert_null(s.histogram);
    }
    vq_arena_done(&a);
}

/* |x| uniform on (0, 8): the P-th percentile is 8 P / 100, within a bin, whatever the tokens were
 * rounded to when files were weighed. */
static void test_observers(void **state)
{
    (void)state;
    enum { N = 8000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i + 1) / 1000 * (i % 4 == 0 && i < N / 2 ? -1.0f : 1.0f);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_stats s;
    assert_int_equal(vq_stats_new(&s, "test", 80, VQ_NEED_RANGE | VQ_NEED_HISTOGRAM, &a, &e),
                     VQ_OK);
    vq_num num = {.observer = VQ_OBS_ABSMAX};
    float lo, hi;
    assert_int_equal(vq_observe(&s, &num, &lo, &hi, &e), VQ_E_NUMERIC); /* nothing seen */
    add(&s, x, N / 80);
    assert_int_equal(vq_observe(&s, &num, &lo, &hi, &e), VQ_OK);
    assert_eq(lo, -8);
    assert_eq(hi, 8);
    num.observer = VQ_OBS_MINMAX;
    assert_int_equal(vq_observe(&s, &num, &lo, &hi, &e), VQ_OK);
    assert_eq(lo, -3.997f);
    assert_eq(hi, 8);
    num.observer = VQ_OBS_PERCENTILE;
    for (double p = 10; p <= 100; p += 7.5) {
        num.percentile = p;
        assert_int_equal(vq_observe(&s, &num, &lo, &hi, &e), VQ_OK);
        assert_near(hi, 8 * p / 100, 0.002);
        assert_lt(fabs((double)lo + fmin(3.997, 8 * p / 100)), 0.002);
        s.tokens++;
    }
    assert_int_equal(vq_observer_needs(VQ_OBS_ABSMAX), VQ_NEED_RANGE);
    assert_int_equal(vq_observer_needs(VQ_OBS_PERCENTILE), VQ_NEED_RANGE | VQ_NEED_HISTOGRAM);
    free(x);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_loops), cmocka_unit_test(test_threads_and_cuts),
        cmocka_unit_test(test_tail_is_signed), cmocka_unit_test(test_observers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
