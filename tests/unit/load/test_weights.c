/* test_weights.c -- dense weights as f32 in every stored type, gathered columns, and the place of
 * the first NaN or Inf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "load/weights.h"
#include "show.h"

enum {
    ROWS = 5,
    COLUMNS = 1500,
    ALL = ROWS * COLUMNS
}; /* more columns than one slice of the search for the maximum */

typedef struct stored {
    vq_kernels kernels;
    float f32[ALL], out[ALL];
    uint16_t half[ALL];
    vq_tensor tensor;
    int32_t order[COLUMNS];
} stored;

/* Small integers over 8: exact in every type. */
static float value(int i)
{
    return (float)((i * 37) % 101 - 50) / 8;
}

static uint16_t half_of(vq_dtype type, float x)
{
    return type == VQ_BF16 ? vq_f32_to_bf16(x) : vq_f32_to_f16(x);
}

static void put(stored *s, int i, float x)
{
    s->f32[i] = x;
    s->half[i] = half_of(s->tensor.dtype, x);
}

static void store(stored *s, vq_dtype type)
{
    s->tensor = (vq_tensor){.name = "m.weight", .dtype = type, .ndim = 2, .shape = {ROWS, COLUMNS}};
    s->tensor.data = type == VQ_F32 ? (const void *)s->f32 : (const void *)s->half;
    s->tensor.bytes = (size_t)ALL * (type == VQ_F32 ? 4 : 2);
    for (int i = 0; i < ALL; i++) put(s, i, value(i));
    for (int i = 0; i < COLUMNS; i++) s->order[i] = (i * 7 + 3) % COLUMNS;
}

static const vq_dtype types[] = {VQ_F32, VQ_F16, VQ_BF16};

static void test_values_and_order(void **state)
{
    stored *s = *state;
    vq_err e = {0};
    for (int t = 0; t < 3; t++) {
        store(s, types[t]);
        assert_int_equal(vq_weights_load(&s->kernels, &s->tensor, NULL, s->out, &e), VQ_OK);
        for (int i = 0; i < ALL; i++) assert_eq(s->out[i], value(i));
        assert_int_equal(vq_weights_load(&s->kernels, &s->tensor, s->order, s->out, &e), VQ_OK);
        for (int i = 0; i < ALL; i++)
            assert_eq(s->out[i], value(i / COLUMNS * COLUMNS + s->order[i % COLUMNS]));
    }
}

static void test_largest(void **state)
{
    stored *s = *state;
    vq_err e = {0};
    float most;
    for (int t = 0; t < 3; t++) {
        store(s, types[t]);
        put(s, 3 * COLUMNS + 1400, -96);
        assert_int_equal(vq_weights_absmax(&s->kernels, &s->tensor, &most, &e), VQ_OK);
        assert_eq(most, 96);
    }
}

static void refused(stored *s, const int32_t *order, const char *place, const char *what)
{
    vq_err e = {0};
    float most;
    assert_int_equal(vq_weights_load(&s->kernels, &s->tensor, order, s->out, &e), VQ_E_INPUT);
    if (!strstr(e.text, place) || !strstr(e.text, what)) fail_msg("%s", e.text);
    e = (vq_err){0};
    assert_int_equal(vq_weights_absmax(&s->kernels, &s->tensor, &most, &e), VQ_E_INPUT);
    if (!strstr(e.text, place) || !strstr(e.text, what)) fail_msg("%s", e.text);
}

static void test_not_finite(void **state)
{
    stored *s = *state;
    for (int t = 0; t < 3; t++) {
        store(s, types[t]);
        put(s, 4 * COLUMNS, INFINITY);
        refused(s, NULL, "m.weight[4][0]", "infinite");
        put(s, 2 * COLUMNS + 1499, -INFINITY);
        refused(s, NULL, "m.weight[2][1499]", "infinite");
        put(s, 2 * COLUMNS + 1030, NAN);
        refused(s, NULL, "m.weight[2][1030]", "NaN");
        refused(s, s->order, "m.weight[2][1030]",
                "NaN"); /* the place in the file, not in the gathered row */
    }
}

static int setup(void **state)
{
    static stored s;
    vq_err e;
    *state = &s;
    return vq_kernels_select(&s.kernels, NULL, false, &e) == VQ_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_values_and_order, setup),
        cmocka_unit_test_setup(test_largest, setup),
        cmocka_unit_test_setup(test_not_finite, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
