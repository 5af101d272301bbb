/* test_factor.c -- the factor against closed forms and against H itself, over tile and panel edges;
 * order, dead channels, the damping ladder, bad statistics, memory as announced. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "quant/round/factor.h"
#include "show.h"

static vq_budget budget;
static vq_arena arena;
static vq_err err;

static int setup(void **state)
{
    (void)state;
    budget = (vq_budget){0};
    vq_arena_init(&arena, &budget);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

static vq_factor factor_of(const float *h, int64_t k, int64_t width, double damp, bool sorted)
{
    vq_factor f;
    const vq_factor_spec s = {.k = k, .width = width, .damp = damp, .sorted = sorted};
    assert_int_equal(vq_factor_new(&f, h, &s, &arena, &err), VQ_OK);
    return f;
}

static double u_at(const vq_factor *f, int64_t i, int64_t j)
{
    return (double)vq_factor_panel(f, j / f->width)[i * f->width + j % f->width];
}

/* H = [a b; b c]: U_12 = b / c', D_2 = c', D_1 = a' - b^2 / c', with the damping in a' and c'. */
static void two_channels(void **state)
{
    (void)state;
    const float h[] = {4, 1, 1, 2};
    const double a = 4.03, c = 2.03;
    const vq_factor f = factor_of(h, 2, 16, 0.01, false);
    assert_near(u_at(&f, 0, 1), 1 / c, 1e-6);
    assert_near(f.d[1], c, 1e-9);
    assert_near(f.d[0], (a - 1 / c), 1e-9);
    assert_eq(u_at(&f, 0, 0), 0);
    assert_eq(u_at(&f, 1, 0), 0);
    assert_eq(u_at(&f, 1, 1), 0);
    assert_eq(f.order[0], 0);
    assert_eq(f.order[1], 1);
    assert_eq(f.tries, 0);
    assert_true(!f.none);
}

/* The same with b (1 - shrink) for b; the diagonal, its mean and the damping stay. */
static void shrunk(void **state)
{
    (void)state;
    const float h[] = {4, 1, 1, 2};
    const double a = 4.03, c = 2.03;
    for (int quarters = 0; quarters <= 4; quarters++) {
        vq_factor f;
        const double shrink = quarters / 4.0, b = 1 - shrink;
        const vq_factor_spec s = {.k = 2, .width = 16, .damp = 0.01, .shrink = shrink};
        assert_int_equal(vq_factor_new(&f, h, &s, &arena, &err), VQ_OK);
        assert_near(u_at(&f, 0, 1), b / c, 1e-6);
        assert_near(f.d[1], c, 1e-9);
        assert_near(f.d[0], a - b * b / c, 1e-9);
    }
}

/* Sum of x x^T of correlated made-up inputs; channel 3 is dead when there are more than 8. */
static float *made_hessian(int64_t k, int64_t tokens)
{
    float *h = VQ_NEW(&arena, float, k *k, "h", &err), *x = VQ_ALLOC(&arena, float, k, "x", &err);
    uint32_t seed = 7;
    for (int64_t t = 0; t < tokens; t++) {
        float shared = 0;
        for (int64_t i = 0; i < k; i++) {
            seed = seed * 1664525U + 1013904223U;
            shared = 0.7F * shared + (float)((int32_t)seed >> 8) * 0x1p-23F;
            x[i] = i == 3 && k > 8 ? 0 : shared * (1.0F + (float)(i % 5));
        }
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < k; j++) h[i * k + j] += x[i] * x[j];
    }
    return h;
}

/* (U + I) D (U + I)^T = H + damping, in the factor's order. */
static void check_product(const vq_factor *f, const float *h, double damp)
{
    const int64_t k = f->k;
    double mean = 0;
    for (int64_t i = 0; i < k; i++) mean += (double)h[i * k + i] / (double)k;
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = i; j < k; j++) {
            double sum = (i == j ? 1 : u_at(f, i, j)) * f->d[j];
            for (int64_t p = j + 1; p < k; p++) sum += u_at(f, i, p) * f->d[p] * u_at(f, j, p);
            const double want =
                (double)h[f->order[i] * k + f->order[j]] + (i == j ? damp * mean : 0);
            assert_near(sum, want, 1e-5 * mean);
        }
    }
}

static void rebuilds(void **state)
{
    static const int64_t sizes[] = {1, 2, 63, 64, 65, 130, 200};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const float *h = made_hessian(sizes[i], 40);
        for (int sorted = 0; sorted < 2; sorted++) {
            const vq_factor f = factor_of(h, sizes[i], 48, 0.01, sorted);
            check_product(&f, h, 0.01);
            for (int64_t p = 1; sorted && p < f.k; p++)
                assert_ge(f.diag[f.order[p - 1]], f.diag[f.order[p]]);
        }
    }
}

/* Same bits for any number of threads; the same factor, within rounding, by loops, by other panels,
 * and for H in another unit. */
static void same_factor(void **state)
{
    (void)state;
    const int64_t k = 200;
    float *h = made_hessian(k, 300), *scaled = VQ_ALLOC(&arena, float, k *k, "h", &err);
    for (int64_t i = 0; i < k * k; i++) scaled[i] = 1024 * h[i];
    const vq_factor_spec strict = {.k = k, .width = 64, .damp = 0.01, .strict = true};
    vq_factor loops;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const vq_factor one = factor_of(h, k, 64, 0.01, false);
    omp_set_num_threads(3);
    const vq_factor three = factor_of(h, k, 64, 0.01, false),
                    wide = factor_of(h, k, 200, 0.01, false);
    const vq_factor unit = factor_of(scaled, k, 64, 0.01, false);
    assert_int_equal(vq_factor_new(&loops, h, &strict, &arena, &err), VQ_OK);
    omp_set_num_threads(threads);
    assert_memory_equal(one.d, three.d, (size_t)k * sizeof *one.d);
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = i + 1; j < k; j++) {
            assert_eq(u_at(&one, i, j), u_at(&three, i, j));
            assert_eq(u_at(&one, i, j), u_at(&wide, i, j));
            assert_eq(u_at(&one, i, j), u_at(&unit, i, j));
            assert_near(u_at(&one, i, j), u_at(&loops, i, j), 1e-6);
        }
    }
}

static void dead_channels(void **state)
{
    (void)state;
    const float h[] = {2, 0, 1, 0, 0, 0, 1, 0, 3};
    const vq_factor f = factor_of(h, 3, 16, 0.01, true);
    assert_eq(f.order[0], 2);
    assert_eq(f.order[1], 0);
    assert_eq(f.order[2], 1);
    assert_eq(u_at(&f, 0, 2), 0);
    assert_eq(u_at(&f, 1, 2), 0);
    assert_gt(u_at(&f, 0, 1), 0.4);
    const float zeros[4] = {0};
    const vq_factor none = factor_of(zeros, 2, 16, 0.01, false);
    assert_true(none.none);
    assert_eq(u_at(&none, 0, 1), 0);
}

/* Eigenvalues 1 + b and 1 - b: damping must lift the second above zero. */
static void damping_ladder(void **state)
{
    static const struct {
        float b;
        int tries;
        bool none;
    } steps[] = {{1.0F, 0, false}, {1.05F, 1, false}, {1.5F, 2, false}, {3.0F, 3, true}};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const float h[] = {1, steps[i].b, steps[i].b, 1};
        const vq_factor f = factor_of(h, 2, 16, 0.01, false);
        assert_int_equal(f.tries, steps[i].tries);
        assert_int_equal(f.none, steps[i].none);
        if (f.none) assert_eq(u_at(&f, 0, 1), 0);
    }
}

static void bad_statistics(void **state)
{
    static const float bad[][4] = {{1, NAN, NAN, 1}, {1, INFINITY, INFINITY, 1}, {1, 0, 0, -1}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        vq_factor f;
        const vq_factor_spec s = {.k = 2, .width = 16, .damp = 0.01};
        assert_int_equal(vq_factor_new(&f, bad[i], &s, &arena, &err), VQ_E_NUMERIC);
        assert_non_null(strstr(err.text, "channel"));
    }
}

static void memory(void **state)
{
    (void)state;
    const int64_t k = 500;
    const float *h = made_hessian(k, 3);
    const size_t before = budget.used;
    budget.peak = before;
    factor_of(h, k, 128, 0.01, true);
    assert_le(budget.peak - before, vq_factor_bytes(k, 128) + ((size_t)1 << 17));
    assert_ge((double)(budget.peak - before), 0.7 * (double)vq_factor_bytes(k, 128));
    const vq_factor_spec s = {.k = k, .width = 128, .damp = 0.01};
    vq_factor f;
    for (size_t n = 1; n <= 5; n++) {
        budget.fail_in = n;
        assert_int_equal(vq_factor_new(&f, h, &s, &arena, &err), VQ_E_LIMIT);
    }
    budget.fail_in = 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(two_channels),  T(shrunk),         T(rebuilds),       T(same_factor),
        T(dead_channels), T(damping_ladder), T(bad_statistics), T(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
