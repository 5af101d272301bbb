/* test_op_scale.c -- y = c x alone: against plain products, in place and apart; the gradient by
 * central differences; the same bits for every thread count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <omp.h>
#include <string.h>

#include "model/op/op.h"
#include "show.h"

enum { ROWS = 150, WIDTH = 300, SIZE = ROWS * WIDTH };

static const float factors[] = {0.22F, 1, -3, 0};
enum { FACTORS = sizeof factors / sizeof *factors };

/* Values, or gradients, of the operand (0) and the node (1). */
typedef struct world {
    float x[SIZE], y[SIZE];
    float *arrays[2];
    int64_t rows[2];
    vq_frame frame;
} world;

static void open_world(world *w, bool in_place)
{
    for (int i = 0; i < SIZE; i++) w->x[i] = (float)(i * 37 % 1009 - 500) / 64;
    w->arrays[0] = w->x;
    w->arrays[1] = in_place ? w->x : w->y;
    w->rows[0] = w->rows[1] = ROWS;
    w->frame = (vq_frame){.values = w->arrays, .rows = w->rows, .grads = w->arrays};
}

static vq_node node_of(const float *factor)
{
    return (vq_node){.op = &vq_op_scale,
                     .args = factor,
                     .name = "",
                     .in = {0, -1, -1},
                     .nin = 1,
                     .width = WIDTH};
}

static void test_forward(void **state)
{
    (void)state;
    static world w, kept;
    for (int i = 0; i < 2 * FACTORS; i++) {
        vq_err e = {0};
        const float c = factors[i / 2];
        const vq_node n = node_of(&c);
        open_world(&kept, false);
        open_world(&w, i % 2);
        assert_int_equal(n.op->forward(&n, 1, &w.frame, &e), VQ_OK);
        for (int k = 0; k < SIZE; k++) assert_eq(w.arrays[1][k], (float)((double)c * kept.x[k]));
    }
}

/* The loss is the sum of g y; by steps of a power of two its difference is exact. */
static void test_backward(void **state)
{
    (void)state;
    static world w, kept;
    static float dx[SIZE];
    for (int i = 0; i < 2 * FACTORS; i++) {
        vq_err e = {0};
        const float c = factors[i / 2];
        const vq_node n = node_of(&c);
        open_world(&kept, false);
        open_world(&w, false);
        w.arrays[1] = w.x; /* d loss / d output */
        w.frame.into[0] = i % 2 ? w.x : dx;
        assert_int_equal(n.op->backward(&n, 1, &w.frame, &e), VQ_OK);
        for (int k = 0; k < SIZE; k++) {
            const double g = kept.x[k], step = 0.5;
            const double slope = (g * c * (1 + step) - g * c * (1 - step)) / (2 * step);
            assert_float_equal(w.frame.into[0][k], slope, 1e-6);
        }
    }
}

static void test_same_bits_for_every_thread_count(void **state)
{
    (void)state;
    static world one, two;
    vq_err e = {0};
    const vq_node n = node_of(&factors[0]);
    open_world(&one, false);
    open_world(&two, false);
    omp_set_num_threads(1);
    assert_int_equal(n.op->forward(&n, 1, &one.frame, &e), VQ_OK);
    omp_set_num_threads(2);
    assert_int_equal(n.op->forward(&n, 1, &two.frame, &e), VQ_OK);
    assert_memory_equal(one.y, two.y, sizeof one.y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward),
                                       cmocka_unit_test(test_backward),
                                       cmocka_unit_test(test_same_bits_for_every_thread_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
