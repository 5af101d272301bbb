/* test_hadamard_matrix.c -- which sizes have a matrix, that it is one by definition, and its
 * product. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/hadamard_matrix.h"
#include "show.h"

/* Widths of models people quantize: hidden sizes and MLPs; 11008 = 256 x 43 needs order 172, which
 * neither construction gives. */
static void sizes(void **state)
{
    static const int64_t want[][2] = {
        {1, 1},      {2, 1},       {4096, 1},   {576, 36},    {1536, 12}, {5120, 20}, {28672, 28},
        {14336, 28}, {13824, 108}, {8960, 140}, {18944, 148}, {9728, 76}, {192, 12},  {12, 0},
        {96, 0},     {100, 0},     {11008, 0},  {0, 0},       {-16, 0},   {577, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(vq_hadamard_core(want[i][0]), want[i][1]);
    assert_true(vq_hadamard_block(16) && vq_hadamard_block(576) && !vq_hadamard_block(8) &&
                !vq_hadamard_block(48));
}

/* Entries of 1 and -1, symmetric, rows that are orthogonal: for every order that is a factor of
 * some size. */
static void definition(void **state)
{
    static int8_t h[VQ_HADAMARD_CORE * VQ_HADAMARD_CORE];
    int orders = 0;
    (void)state;
    for (int64_t m = 12; m <= VQ_HADAMARD_CORE; m += 4) {
        if (vq_hadamard_core(m * VQ_HADAMARD_RUN) != m) continue;
        orders++;
        vq_hadamard_signs(m, h);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = i; j < m; j++) {
                int64_t sum = 0;
                for (int64_t c = 0; c < m; c++) sum += h[i * m + c] * h[j * m + c];
                assert_int_equal(sum, i == j ? m : 0);
                assert_eq(h[i * m + j], h[j * m + i]);
                assert_eq(abs(h[i * m + j]), 1);
            }
    }
    assert_ge(orders, 20);
}

/* Twice is n times x; once keeps the sum of squares over n; the columns of a matrix are
 * independent. */
static void product(void **state)
{
    enum { N = 576, WIDTH = 3 };
    static double x[N * WIDTH], y[N * WIDTH], one[N];
    double before = 0, after = 0;
    (void)state;
    for (int i = 0; i < N * WIDTH; i++) y[i] = x[i] = (double)(i * i % 97 - 48);
    for (int i = 0; i < N; i++) one[i] = x[i * WIDTH + 1];
    vq_hadamard_times(y, N, WIDTH);
    vq_hadamard_times(one, N, 1);
    for (int i = 0; i < N; i++) assert_eq(y[i * WIDTH + 1], one[i]);
    for (int i = 0; i < N * WIDTH; i++) {
        before += x[i] * x[i];
        after += y[i] * y[i];
    }
    assert_eq(after, N * before); /* whole numbers: exact */
    vq_hadamard_times(y, N, WIDTH);
    for (int i = 0; i < N * WIDTH; i++) assert_eq(y[i], N * x[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(definition),
                                       cmocka_unit_test(product)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
