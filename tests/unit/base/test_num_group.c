/* test_num_group.c -- group counts, stored bits, one-line text and equality of number formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/num.h"
#include "show.h"

static vq_num weight(const char *id)
{
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(id, &buf);
    assert_non_null(s);
    return s->weight;
}

static void counts_groups(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int64_t rows, cols, per_row, count;
    } rows[] = {
        {"nvfp4", 3, 64, 4, 12},       {"fp8", 5, 33, 1, 5},          {"fp8-static", 5, 33, 1, 1},
        {"fp8-block", 128, 256, 2, 2}, {"fp8-block", 129, 257, 3, 6}, {"int4-g64", 2, 192, 3, 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const vq_num n = weight(rows[i].id);
        int64_t per_row, count;
        assert_int_equal(vq_group_count(&n, rows[i].rows, rows[i].cols, &per_row, &count, NULL),
                         VQ_OK);
        assert_int_equal(per_row, rows[i].per_row);
        assert_int_equal(count, rows[i].count);
    }
}

static void names_the_blocks_that_divide(void **state)
{
    (void)state;
    const vq_num n = weight("int4-g128");
    int64_t per_row, count;
    vq_err e = {0};
    assert_int_equal(vq_group_count(&n, 4, 192, &per_row, &count, &e), VQ_E_RECIPE);
    assert_string_equal(e.text, "blocks of 128 do not divide the 192 input channels; block sizes "
                                "that do: 8, 12, 16, 24, 32, 48, 64, 96, 192");
    assert_int_equal(vq_group_count(&n, 4, 7, &per_row, &count, &e), VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "none from 8 to 1024"));
    assert_int_equal(vq_group_count(&n, 4, 720720, &per_row, &count, &e),
                     VQ_E_RECIPE); /* more divisors than the line holds */
}

static void refuses_matrices_beyond_64_bits(void **state)
{
    (void)state;
    const vq_num n = weight("int4-g32");
    int64_t per_row, count;
    vq_err e = {0};
    assert_int_equal(vq_group_count(&n, INT64_MAX, 1024, &per_row, &count, &e), VQ_E_INPUT);
}

static void counts_bits(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        double bits;
    } rows[] = {
        {"nvfp4", 4.5 + 32.0 / (256 * 512)},
        {"mxfp4", 4.25},
        {"mxfp6-e2m3", 6.25},
        {"int4-g128", 4.125},
        {"int4-g32-asym", 4.625},
        {"int8", 8 + 16.0 / 512},
        {"fp8-static", 8 + 16.0 / (256 * 512)},
        {"fp8-block", 8 + 8 * 16.0 / (256 * 512)},
        {"bfp12-64", 4.125},
        {"bfp16-64", 8.125},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const vq_num n = weight(rows[i].id);
        const double bits = vq_num_bits(&n, 256, 512);
        if (bits != rows[i].bits)
            fail_msg("%s: %.9g bits, not %.9g", rows[i].id, bits, rows[i].bits);
    }
    const vq_num n = weight("nvfp4");
    assert_eq(vq_num_bits(&n, 0, 16), 4);
}

static void writes_one_line(void **state)
{
    (void)state;
    char buf[160];
    vq_num n = weight("nvfp4");
    assert_string_equal(vq_num_text(&n, buf, sizeof buf),
                        "e2m1 block:16 scale e4m3 global_scale f32");
    n = weight("fp8-block");
    n.when = VQ_DYNAMIC;
    n.observer = VQ_OBS_PERCENTILE;
    n.percentile = 99.5;
    assert_string_equal(vq_num_text(&n, buf, sizeof buf),
                        "e4m3 block:128x128 scale bf16 dynamic observer percentile:99.5");
    n = weight("int4-g32-asym");
    n.range = VQ_RANGE_NARROW;
    n.compat = VQ_COMPAT_CT;
    n.observer = VQ_OBS_MINMAX;
    assert_string_equal(
        vq_num_text(&n, buf, sizeof buf),
        "i4 block:32 scale bf16 zero int observer minmax range narrow compat compressed-tensors");
    n = weight("fp8");
    assert_string_equal(vq_num_text(&n, buf, sizeof buf), "e4m3 channel scale bf16");
    n = weight("mxfp4");
    assert_string_equal(vq_num_text(&n, buf, 9), "e2m1 blo"); /* cut, not beyond the end */
}

static void equality_sees_every_field(void **state)
{
    (void)state;
    const vq_num a = weight("int4-g32");
    vq_num b[12];
    for (int i = 0; i < 12; i++) b[i] = a;
    b[0].grid = weight("int3-g32").grid;
    b[1].group.cols = 64;
    b[2].group.kind = VQ_PER_CHANNEL;
    b[3].scale = VQ_SCALE_F16;
    b[4].global_scale = true;
    b[5].zero = VQ_ZERO_INT;
    b[6].when = VQ_DYNAMIC;
    b[7].observer = VQ_OBS_PERCENTILE;
    b[8].rule = VQ_RULE_CEIL;
    b[9].range = VQ_RANGE_NARROW;
    b[10].compat = VQ_COMPAT_CT;
    b[11].percentile = 99; /* means nothing without its observer */
    for (int i = 0; i < 11; i++) assert_false(vq_num_equal(&a, &b[i]));
    assert_true(vq_num_equal(&a, &b[11]));
    vq_num c = b[7];
    c.percentile = 99;
    assert_false(vq_num_equal(&b[7], &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_groups),
        cmocka_unit_test(names_the_blocks_that_divide),
        cmocka_unit_test(refuses_matrices_beyond_64_bits),
        cmocka_unit_test(counts_bits),
        cmocka_unit_test(writes_one_line),
        cmocka_unit_test(equality_sees_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
