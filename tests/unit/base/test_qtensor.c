/* test_qtensor.c -- arrays, group layout, bad numbers, limits, and how far values may move. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/qtensor.h"
#include "show.h"

#define ROWS 6
#define COLS 64

static float w[ROWS * COLS];

/* Small whole numbers times a power of two per row: exact in every step. */
static void fill(void)
{
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < COLS; k++)
            w[r * COLS + k] = ldexpf((float)((r * 31 + k * 17) % 15 - 7), r);
}

static vq_num weight(const char *id)
{
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(id, &buf);
    assert_non_null(s);
    return s->weight;
}

static vq_global_scale global_scale_of(const vq_num *num)
{
    float a = 0;
    for (int i = 0; i < ROWS * COLS; i++) a = fabsf(w[i]) > a ? fabsf(w[i]) : a;
    return vq_global_scale_from_amax(num, a, VQ_F32);
}

/* No element moves by more than the widest gap of its grid allows. */
static void values_stay_near(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        double part; /* of the group's largest magnitude */
    } rows[] = {
        {"nvfp4", 0.1875},    {"mxfp4", 0.25},         {"mxfp6-e2m3", 0.065}, {"mxfp8", 0.1},
        {"mxint8", 0.017},    {"fp8", 0.036},          {"fp8-static", 0.036}, {"int8", 0.0041},
        {"int4-g32", 0.068},  {"int4-g64-asym", 0.07}, {"bfp12-64", 0.26},    {"bfp24-16", 1e-4},
        {"fp8-block", 0.036},
    };
    fill();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vq_arena a;
        vq_qtensor q;
        vq_arena_init(&a, NULL);
        const vq_num num = weight(rows[i].id);
        assert_int_equal(vq_qtensor_new(&q, &num, ROWS, COLS, &a, NULL), VQ_OK);
        assert_int_equal(vq_quantize_ref(&q, w, global_scale_of(&num), VQ_F32, NULL), VQ_OK);
        float out[ROWS * COLS];
        vq_dequantize_ref(&q, 0, ROWS, out);
        const bool shared = num.group.kind == VQ_PER_TENSOR || num.group.rows > 1;
        for (int k = 0; k < ROWS * COLS; k++) {
            const double top = ldexp(7, shared ? ROWS - 1 : k / COLS);
            if (fabs((double)out[k] - (double)w[k]) > rows[i].part * top)
                fail_msg("%s: %g became %g", rows[i].id, (double)w[k], (double)out[k]);
        }
        float part[2 * COLS];
        vq_dequantize_ref(&q, 3, 2, part);
        assert_memory_equal(part, out + 3 * COLS, sizeof part);
        vq_arena_done(&a);
    }
}

/* A 4 x 48 block over 6 x 64: four groups, those at the edges partial. */
static void blocks_at_the_edge_are_partial(void **state)
{
    (void)state;
    vq_arena a;
    vq_qtensor q;
    vq_arena_init(&a, NULL);
    vq_num num = weight("fp8-block");
    num.group = (vq_group_shape){VQ_PER_BLOCK, 4, 48};
    num.scale = VQ_SCALE_F32;
    assert_int_equal(vq_qtensor_new(&q, &num, ROWS, COLS, &a, NULL), VQ_OK);
    assert_int_equal(q.groups, 4);
    assert_int_equal(q.per_row, 2);
    for (int i = 0; i < ROWS * COLS; i++) w[i] = 0;
    static const int at[4][2] = {{3, 47}, {0, 48}, {4, 0}, {5, 63}};
    for (int g = 0; g < 4; g++) w[at[g][0] * COLS + at[g][1]] = ldexpf(-448, g);
    assert_int_equal(vq_quantize_ref(&q, w, (vq_global_scale){1, false}, VQ_F32, NULL), VQ_OK);
    for (int g = 0; g < 4; g++) {
        assert_eq(q.scale[g], ldexpf(1, g));
        assert_int_equal(q.codes[at[g][0] * COLS + at[g][1]], 0xfe);
    }
    vq_arena_done(&a);
}

static void long_codes_have_their_own_array(void **state)
{
    (void)state;
    vq_arena a;
    vq_qtensor q;
    vq_arena_init(&a, NULL);
    const vq_num num = weight("bfp24-16");
    fill();
    assert_int_equal(vq_qtensor_new(&q, &num, ROWS, COLS, &a, NULL), VQ_OK);
    assert_null(q.codes);
    assert_int_equal(vq_quantize_ref(&q, w, (vq_global_scale){1, false}, VQ_F32, NULL), VQ_OK);
    float out[ROWS * COLS];
    vq_dequantize_ref(&q, 0, ROWS, out);
    assert_memory_equal(out, w, sizeof out);
    vq_arena_done(&a);
}

static void bad_numbers_are_named(void **state)
{
    (void)state;
    vq_arena a;
    vq_qtensor q;
    vq_err e = {0};
    vq_arena_init(&a, NULL);
    const vq_num num = weight("int4-g32");
    assert_int_equal(vq_qtensor_new(&q, &num, ROWS, COLS, &a, NULL), VQ_OK);
    fill();
    w[2 * COLS + 40] = NAN;
    assert_int_equal(vq_quantize_ref(&q, w, (vq_global_scale){1, false}, VQ_F32, &e), VQ_E_NUMERIC);
    assert_string_equal(e.text, "element [2][40] is NaN");
    w[COLS] = -INFINITY;
    assert_int_equal(vq_quantize_ref(&q, w, (vq_global_scale){1, false}, VQ_F32, &e), VQ_E_NUMERIC);
    assert_string_equal(e.text, "element [1][0] is infinite");
    vq_arena_done(&a);
}

static void every_array_may_be_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"int4-g32-asym", "bfp24-16"};
    for (size_t i = 0; i < 2; i++) {
        const vq_num num = weight(ids[i]);
        int refused = 0;
        for (size_t n = 1; n < 8; n++) {
            vq_budget budget = {.fail_in = n};
            vq_arena a;
            vq_qtensor q;
            vq_err e = {0};
            vq_arena_init(&a, &budget);
            const vq_status s = vq_qtensor_new(&q, &num, ROWS, COLS, &a, &e);
            if (s != VQ_OK) {
                assert_int_equal(s, VQ_E_LIMIT);
                refused++;
            }
            vq_arena_done(&a);
        }
        assert_gt(refused, 0);
    }
}

static void refuses_shapes(void **state)
{
    (void)state;
    vq_arena a;
    vq_qtensor q;
    vq_arena_init(&a, NULL);
    const vq_num num = weight("int4-g128"), channel = weight("fp8");
    assert_int_equal(vq_qtensor_new(&q, &num, 4, 192, &a, NULL), VQ_E_RECIPE);
    assert_int_equal(vq_qtensor_new(&q, &channel, INT64_MAX / 2, 3, &a, NULL), VQ_E_INPUT);
    assert_int_equal(vq_qtensor_new(&q, &channel, 0, 0, &a, NULL), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, w, (vq_global_scale){1, false}, VQ_F32, NULL), VQ_OK);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay_near),
        cmocka_unit_test(blocks_at_the_edge_are_partial),
        cmocka_unit_test(long_codes_have_their_own_array),
        cmocka_unit_test(bad_numbers_are_named),
        cmocka_unit_test(every_array_may_be_refused),
        cmocka_unit_test(refuses_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
