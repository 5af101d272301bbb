/* test_rng.c -- draws against the published outputs of splitmix64, and their spread. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "show.h"

/* Seeds 0, 1, 2, ... at counter 0 are the states of splitmix64 that starts at 0: the sequence that
 * its author and test suites print. */
static void is_splitmix64(void **state)
{
    static const uint64_t want[] = {0xe220a8397b1dcdafU, 0x6e789e6aa1b965f4U, 0x06c45d188009454fU,
                                    0xf88bb8a8724c81ecU, 0x1b39896a51a8749bU};
    (void)state;
    for (uint64_t i = 0; i < 5; i++) assert_eq(vq_rng_at(i, 0), want[i]);
}

/* Mean and variance of 10,000 uniform draws within five standard errors, all inside [0, 1);
 * neighbours of one seed are not related. */
static void is_uniform(void **state)
{
    enum { N = 10000 };
    double sum = 0, square = 0, product = 0;
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        const double x = vq_rng_unit(7, i) - 0.5, next = vq_rng_unit(7, i + 1) - 0.5;
        assert_ge(x, -0.5);
        assert_lt(x, 0.5);
        sum += x;
        square += x * x;
        product += x * next;
    }
    assert_lt(fabs(sum / N), 5 * sqrt(1.0 / 12 / N));
    assert_near(square / N, 1.0 / 12, 5 * sqrt(1.0 / 180 / N));
    assert_lt(fabs(product / N), 5 * sqrt(1.0 / 144 / N));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_splitmix64),
                                       cmocka_unit_test(is_uniform)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
