/* test_adam.c -- Adam: its first step in closed form, a second one from the formulas in f64, and
 * the bottom of a bowl. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show.h"
#include "train/adam.h"

/* The first step is rate times the unit, against the sign, whatever the size of the gradient. */
static void test_steps(void **state)
{
    (void)state;
    vq_arena a;
    vq_adam adam;
    vq_err e;
    float p[3] = {1, 2, 3};
    const float g[3] = {4, -0.001F, 0}, unit[3] = {1, 10, 1}, then[3] = {-4, -0.001F, 0};
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_adam_init(&adam, 3, &a, &e), VQ_OK);
    vq_adam_step(&adam, p, g, unit, 0.01);
    assert_near(p[0], 0.99F, 1e-6F);
    assert_near(p[1], 2.1F, 1e-6F);
    assert_eq(p[2], 3);
    vq_adam_step(&adam, p, then, unit, 0.01);
    const double mean = (0.9 * 0.4 - 0.4) / (1 - 0.81),
                 square = 16; /* equal squares: no trace of the decay */
    assert_near(p[0], (0.99 - 0.01 * mean / sqrt(square)), 1e-6);
    assert_near(p[1], 2.2F, 1e-6F);
    assert_eq(p[2], 3);
    vq_arena_done(&a);
}

static void test_bowl(void **state)
{
    (void)state;
    vq_arena a;
    vq_adam adam;
    vq_err e;
    float p[2] = {5, -5}, g[2];
    const float unit[2] = {1, 1};
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_adam_init(&adam, 2, &a, &e), VQ_OK);
    for (int t = 0; t < 300; t++) {
        g[0] = 2 * (p[0] - 1);
        g[1] = 200 * (p[1] + 2);
        vq_adam_step(&adam, p, g, unit, 0.1 * (1 - t / 300.0));
    }
    assert_near(p[0], 1, 0.01F);
    assert_lt(fabsf(p[1] + 2), 0.01F);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_bowl)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
