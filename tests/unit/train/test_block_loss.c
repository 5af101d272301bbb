/* test_block_loss.c -- error of a block's output: the formula in f64, and its gradient by finite
 * differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "show.h"
#include "train/block_loss.h"

enum { TOKENS = 7, WIDTH = 12, ALL = TOKENS * WIDTH };

typedef struct world {
    vq_arena arena;
    vq_kernels kernels;
    float out[ALL], target[ALL], metric[WIDTH * WIDTH];
} world;

static void open_world(world *w)
{
    vq_err e;
    *w = (world){0};
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, true, &e), VQ_OK);
    for (int i = 0; i < ALL; i++) {
        w->target[i] = (float)vq_rng_unit(1, (uint64_t)i) - 0.5F;
        w->out[i] = w->target[i] + 0.2F * ((float)vq_rng_unit(2, (uint64_t)i) - 0.5F);
    }
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++)
            w->metric[i * WIDTH + j] = (i == j ? 2.0F : 0.0F) + 0.3F / (float)(1 + i + j);
}

/* Mean over tokens of e^T M e / |target|^2. */
static double by_formula(const world *w, bool with_metric)
{
    double sum = 0;
    for (int t = 0; t < TOKENS; t++) {
        double size = 0, error = 0;
        for (int i = 0; i < WIDTH; i++) {
            size += (double)w->target[t * WIDTH + i] * (double)w->target[t * WIDTH + i];
            for (int j = 0; j < WIDTH; j++) {
                const double m = with_metric ? (double)w->metric[i * WIDTH + j] : i == j;
                error += m * ((double)w->out[t * WIDTH + i] - (double)w->target[t * WIDTH + i]) *
                         ((double)w->out[t * WIDTH + j] - (double)w->target[t * WIDTH + j]);
            }
        }
        sum += error / size;
    }
    return sum / TOKENS;
}

static void check(bool with_metric)
{
    static world w;
    float g[ALL];
    vq_block_error b;
    vq_err e;
    open_world(&w);
    assert_int_equal(vq_block_error_init(&b, &w.kernels, WIDTH, with_metric ? w.metric : NULL,
                                         TOKENS, &w.arena, &e),
                     VQ_OK);
    b.target = w.target;
    assert_int_equal(vq_block_error_add(&b, w.out, TOKENS, g, &e), VQ_OK);
    const double at = by_formula(&w, with_metric);
    assert_near(b.total / TOKENS, at, 1e-5 * at);
    for (int i = 0; i < ALL; i += 5) {
        const float old = w.out[i], h = 1e-3F;
        w.out[i] = old + h;
        const double up = by_formula(&w, with_metric);
        w.out[i] = old - h;
        const double down = by_formula(&w, with_metric);
        w.out[i] = old;
        const double slope = (up - down) / (2 * (double)h);
        assert_near(g[i], slope, 1e-4 * fabs(slope) + 1e-5);
    }
    vq_arena_done(&w.arena);
}

static void test_plain(void **state)
{
    (void)state;
    check(false);
}

static void test_metric(void **state)
{
    (void)state;
    check(true);
}

/* A token without any output counts as it is; without a gradient wanted only the total grows. */
static void test_zero_target(void **state)
{
    (void)state;
    static world w;
    vq_block_error b;
    vq_err e;
    open_world(&w);
    assert_int_equal(vq_block_error_init(&b, &w.kernels, WIDTH, NULL, TOKENS, &w.arena, &e), VQ_OK);
    const float none[WIDTH] = {0}, out[WIDTH] = {3, 4};
    b.target = none;
    assert_int_equal(vq_block_error_add(&b, out, 1, NULL, &e), VQ_OK);
    assert_int_equal(vq_block_error_add(&b, out, 1, NULL, &e), VQ_OK);
    assert_eq(b.total, 50);
    vq_arena_done(&w.arena);
}

static void test_metric_of_curvature(void **state)
{
    (void)state;
    const float curvature[4] = {30, 6, 6, 10}, none[4] = {0};
    float m[4];
    vq_block_metric(curvature, 2, m);
    assert_near(m[0], 1.51F, 1e-6F);
    assert_near(m[1], 0.3F, 1e-6F);
    assert_eq(m[2], m[1]);
    assert_near(m[3], 0.51F, 1e-6F);
    vq_block_metric(none, 2, m);
    assert_eq(m[0], m[3]);
    assert_gt(m[0], 0);
    assert_eq(m[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_metric),
        cmocka_unit_test(test_zero_target),
        cmocka_unit_test(test_metric_of_curvature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
