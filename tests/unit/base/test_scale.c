/* test_scale.c -- group scales, second scales and element codes of every rule, against their
 * formulas in f64 and by hand. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/qtensor.h"
#include "show.h"

static vq_num weight(const char *id)
{
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(id, &buf);
    assert_non_null(s);
    return s->weight;
}

static const vq_global_scale none = {1, false};

static float scale_of(const vq_num *num, float lo, float hi, vq_global_scale global_scale,
                      vq_dtype arith)
{
    float s;
    int16_t zero = -99;
    vq_group_scale(num, lo, hi, global_scale, arith, &s, &zero);
    return s;
}

static void e8m0_rules_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *grid;
        float amax;
        int floor, bump, ceil;
    } rows[] = {
        {"e2m1", 6.0F, 0, 0, 0},
        {"e2m1", 6.0000005F, 0, 0, 1},
        {"e2m1", 6.9999995F, 0, 0, 1},
        {"e2m1", 7.0F, 0, 1, 1},
        {"e2m1", 8.0F, 1, 1, 1},
        {"e2m1", 4.0F, 0, 0, 0},
        {"e2m1", 3.0F, -1, -1, -1},
        {"e2m1", 3.5F, -1, 0, 0},
        {"e2m3", 7.75F, 0, 1, 1},
        {"e2m3", 7.7499995F, 0, 0, 1},
        {"e2m3", 7.5F, 0, 0, 0},
        {"e3m2", 28.0F, 0, 0, 0},
        {"e3m2", 30.0F, 0, 1, 1},
        {"e3m2", 29.999998F, 0, 0, 1},
        {"e4m3", 448.0F, 0, 1, 0},
        {"e4m3", 447.0F, 0, 0, 0},
        {"e5m2", 57344.0F, 0, 1, 0},
        {"iq4nl", 64.0F, 0, 0, 0},
        {"iq4nl", 111.99999F, 0, 0, 0},
        {"iq4nl", 112.0F, 0, 1, 0},
        {"iq4nl", 113.5F, 0, 1, 1},
        {"iq4nl", 0.0F, -127, -127, -127},
        {"mxint8", 1.0F, 0, 0, 0},
        {"mxint8", 1.99F, 0, 0, 1},
        {"mxint8", 1.9921875F, 0, 1, 1},
        {"e2m1", 0x1p-149F, -127, -127, -127},
        {"e2m1", FLT_MAX, 125, 126, 126},
        {"bfp4", FLT_MAX, 127, 127, 127},
        {"bfp4", 0x1p-126F, -126, -126, -126},
        {"bfp4", 0x1p-127F, -127, -127, -127},
        {"e2m1", 0.0F, -127, -127, -127},
        {"mxint8", 0.0F, -126, -127, -127},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vq_grid g;
        assert_true(vq_grid_parse(rows[i].grid, &g));
        const int f = vq_e8m0_exponent(&g, VQ_RULE_FLOOR, rows[i].amax),
                  b = vq_e8m0_exponent(&g, VQ_RULE_BUMP, rows[i].amax);
        const int c = vq_e8m0_exponent(&g, VQ_RULE_CEIL, rows[i].amax);
        if (f != rows[i].floor || b != rows[i].bump || c != rows[i].ceil)
            fail_msg("%s %a: %d %d %d", rows[i].grid, (double)rows[i].amax, f, b, c);
        assert_int_equal(
            vq_e8m0_exponent(&g, VQ_RULE_FOUR_THIRDS, rows[i].amax > 0 ? rows[i].amax : 1),
            rows[i].amax > 0 ? f : vq_e8m0_exponent(&g, VQ_RULE_FLOOR, 1));
    }
}

/* ceil never saturates and is the smallest such exponent: by its formula in f64. */
static void ceil_rule_never_saturates(void **state)
{
    (void)state;
    vq_grid g;
    assert_true(vq_grid_parse("e2m1", &g));
    for (int k = 0; k < 100000; k++) {
        const float a = 0x1p-20F * (float)(k + 1) * 0.7F;
        const int e = vq_e8m0_exponent(&g, VQ_RULE_CEIL, a);
        assert_ge(ldexp(6, e), (double)a);
        assert_lt(ldexp(6, e - 1), (double)a);
    }
}

static void four_thirds_covers_all_codes(void **state)
{
    (void)state;
    vq_num num = weight("mxfp4");
    num.rule = VQ_RULE_FOUR_THIRDS;
    const float s = scale_of(&num, -7.9F, 1, none, VQ_F32);
    assert_eq(s, 1);
    assert_eq(vq_effective_scale(&num, s, none), 4.0F / 3.0F);
    assert_int_equal(vq_encode_at(&num, -7.9F, vq_effective_scale(&num, s, none), 0), 15);
}

static void symmetric_ints(void **state)
{
    (void)state;
    vq_num num = weight("int4-g32");
    num.scale = VQ_SCALE_F32;
    assert_eq(scale_of(&num, -3, 15, none, VQ_F32), 2);
    assert_int_equal(vq_encode_at(&num, 15, 2, 0), 7);
    assert_int_equal(vq_encode_at(&num, -15, 2, 0), 8); /* -7.5 goes to -8 */
    num.range = VQ_RANGE_NARROW;
    assert_eq(scale_of(&num, -14, 3, none, VQ_F32), 2);
    assert_int_equal(vq_encode_at(&num, -20, 2, 0), 9); /* -7 */
    num = weight("int8");
    assert_eq(scale_of(&num, 1, 1, none, VQ_F32), vq_round_to(VQ_BF16, 1 / 127.5F));
    vq_num bfp = weight("bfp12");
    assert_eq(scale_of(&bfp, -5, 3, none, VQ_F32), 4); /* exponent of 5 */
    assert_int_equal(vq_encode_at(&bfp, -7.9F, 4, 0), 9);
}

/* A grid without a zero: groups of zeros take the smallest scale there is. */
static void tables(void **state)
{
    (void)state;
    vq_num num = weight("int4-g32");
    assert_true(vq_grid_parse("iq4nl", &num.grid));
    num.scale = VQ_SCALE_F32;
    assert_eq(scale_of(&num, -240, 60, none, VQ_F32), 2);
    assert_eq(scale_of(&num, -60, 240, none, VQ_F32), 2); /* half of 127 + 113 */
    assert_eq(scale_of(&num, 0, 0, none, VQ_F32), FLT_MIN);
    num.scale = VQ_SCALE_F16;
    assert_eq(scale_of(&num, 0, 0, none, VQ_F32), 0x1p-24F);
    assert_eq(scale_of(&num, -0x1p-30F, 0, none, VQ_F32), 0x1p-24F);
    num.scale = VQ_SCALE_E4M3, num.global_scale = true;
    const vq_global_scale global_scale =
        vq_global_scale_from_amax(&num, 53760, VQ_F32); /* 448 times 120 */
    assert_eq(global_scale.value, 1);
    assert_eq(scale_of(&num, 0, 0, global_scale, VQ_F32), 0x1p-9F);
    assert_eq(scale_of(&num, -0x1p-130F, 0, global_scale, VQ_F32), 0x1p-9F);
    assert_eq(scale_of(&num, -120, 0, global_scale, VQ_F32), 1);
    assert_int_equal(vq_encode_at(&num, 254, -2, 0),
                     0); /* a negative scale turns the table round */
    assert_eq(vq_decode_at(&num, 0, -2, 0), 254);
    assert_true(vq_num_takes_negative(&num));
    num.scale = VQ_SCALE_UE5M3;
    assert_false(vq_num_takes_negative(&num));
}

static void asymmetric_ints(void **state)
{
    (void)state;
    vq_num num = weight("int4-g32-asym");
    float s;
    int16_t zero;
    vq_group_scale(&num, -5, 10, none, VQ_F32, &s, &zero);
    assert_eq(s, 1);
    assert_int_equal(zero, -3);
    assert_int_equal(vq_encode_at(&num, -5, s, zero), 8);
    assert_int_equal(vq_encode_at(&num, 10, s, zero), 7);
    assert_eq(vq_decode_at(&num, 7, s, zero), 10);
    vq_group_scale(&num, 3, 30, none, VQ_F32, &s, &zero); /* zero is inside the range */
    assert_eq(s, 2);
    assert_int_equal(zero, -8);
    vq_group_scale(&num, 0, 0, none, VQ_F32, &s, &zero);
    assert_eq(s, 0x1p-7F);
    assert_int_equal(zero, 0);
    assert_true(vq_grid_parse("u4", &num.grid));
    vq_group_scale(&num, -5, 10, none, VQ_F32, &s, &zero);
    assert_int_equal(zero, 5);
    assert_int_equal(vq_encode_at(&num, -5, s, zero), 0);
    vq_group_scale(&num, -FLT_MAX, FLT_MAX, none, VQ_F32, &s, &zero);
    assert_true(isfinite(s));
    assert_ge(zero, 0);
    assert_le(zero, 15);
}

static void unsigned_ints_without_zero_ignore_negatives(void **state)
{
    (void)state;
    vq_num num = weight("int4-g32");
    assert_true(vq_grid_parse("u4", &num.grid));
    assert_eq(scale_of(&num, -100, 30, none, VQ_F32), 2);
    assert_int_equal(vq_encode_at(&num, -100, 2, 0), 0);
}

static void stored_scales_are_finite_and_not_zero(void **state)
{
    (void)state;
    static const struct {
        vq_scale_type type;
        vq_dtype dtype;
        float epsilon, top;
    } rows[] = {{VQ_SCALE_F32, VQ_F32, 0x1p-23F, FLT_MAX},
                {VQ_SCALE_BF16, VQ_BF16, 0x1p-7F, FLT_MAX},
                {VQ_SCALE_F16, VQ_F16, 0x1p-10F, 65504.0F}};
    for (size_t i = 0; i < 3; i++) {
        vq_num num = weight("fp8");
        num.scale = rows[i].type;
        assert_eq(scale_of(&num, 0, 0, none, VQ_F32), rows[i].epsilon);
        const float s = scale_of(&num, -FLT_MAX, 0, none, VQ_F32);
        assert_true(isfinite(s));
        assert_le(s, rows[i].top);
        assert_eq(vq_round_to(rows[i].dtype, s), s);
        num = weight("int2-chan");
        num.scale = rows[i].type;
        assert_true(isfinite(scale_of(&num, -FLT_MAX, 0, none, VQ_F32)));
        assert_gt(scale_of(&num, 0, 0x1p-149F, none, VQ_F32), 0);
    }
}

static void second_scale_in_both_conventions(void **state)
{
    (void)state;
    vq_num num = weight("nvfp4");
    vq_global_scale s = vq_global_scale_from_amax(&num, 5376, VQ_F32);
    assert_eq(s.value, 2);
    assert_true(!s.divides);
    s = vq_global_scale_as_divisor(s);
    assert_eq(s.value, 0.5F);
    assert_true(s.divides);
    assert_eq(vq_global_scale_as_divisor(s).value, 0.5F);
    assert_eq(vq_effective_scale(&num, 3, s), 6);
    assert_eq(vq_global_scale_from_amax(&num, 0, VQ_F32).value, 1);
    assert_eq(vq_global_scale_from_amax(&num, 0x1p-149F, VQ_F32).value, 1);
    num.compat = VQ_COMPAT_CT;
    s = vq_global_scale_from_amax(&num, 1000, VQ_F32);
    assert_eq(s.value, 2688.0F * (1.0F / 1000.0F));
    assert_true(s.divides);
    assert_eq(vq_global_scale_from_amax(&num, 1000, VQ_BF16).value,
              vq_round_to(VQ_BF16, 2688.0F * vq_round_to(VQ_BF16, 0.001F)));
    assert_eq(vq_global_scale_from_amax(&num, 0, VQ_F32).value, 1);
    assert_eq(scale_of(&num, -3, 2, (vq_global_scale){4, true}, VQ_F32), 2);
    assert_eq(scale_of(&num, -3, 2, (vq_global_scale){0.25F, false}, VQ_F32), 2);
    num = weight("mxfp4");
    assert_eq(vq_global_scale_from_amax(&num, 1000, VQ_F32).value, 1);
    num = weight("nvfp4");
    num.scale = VQ_SCALE_UE5M3;
    assert_eq(vq_global_scale_from_amax(&num, 114688.0F * 12, VQ_F32).value, 2);
}

/* Whatever the tensor's largest value, no effective scale is 0 and no code is lost to a division by
 * it. */
static void effective_scales_never_vanish(void **state)
{
    (void)state;
    for (int divisor = 0; divisor < 2; divisor++) {
        for (int compat = 0; compat < 3; compat++) {
            vq_num num = weight("nvfp4");
            num.compat = (vq_compat)compat;
            for (int k = -149; k <= 127; k++) {
                const float amax = ldexpf(1, k);
                vq_global_scale global_scale = vq_global_scale_from_amax(&num, amax, VQ_F32);
                if (divisor) global_scale = vq_global_scale_as_divisor(global_scale);
                const float e = vq_effective_scale(
                    &num, scale_of(&num, 0, 0x1p-149F, global_scale, VQ_F32), global_scale);
                assert_gt(e, 0);
                assert_true(isfinite(e));
                assert_true(isfinite(
                    6 * vq_effective_scale(&num, scale_of(&num, 0, amax, global_scale, VQ_F32),
                                           global_scale)));
            }
        }
    }
}

static void block_scales_of_nvfp4(void **state)
{
    (void)state;
    vq_num num = weight("nvfp4");
    const vq_global_scale s = {0.5F, false}, g = {2, true};
    assert_eq(scale_of(&num, -3, 0, s, VQ_F32), 1);
    assert_eq(scale_of(&num, -3, 0, g, VQ_F32), 1);
    assert_eq(scale_of(&num, -3e30F, 0, s, VQ_F32), 448);
    assert_eq(scale_of(&num, 0, 0x1p-20F, s, VQ_F32), 0x1p-9F);
    assert_eq(scale_of(&num, 0, 0, s, VQ_F32), 1);
    assert_eq(scale_of(&num, 0, 0x1p-149F, s, VQ_F32), 1); /* the quotient is 0 */
    num.compat = VQ_COMPAT_CT;
    assert_eq(scale_of(&num, 0, 0x1p-20F, g, VQ_F32), 0.125F);
    assert_eq(scale_of(&num, 0, 0, g, VQ_F32), 0.125F);
    assert_eq(scale_of(&num, 0, 1.0F, g, VQ_BF16), 0.34375F); /* 2 * bf16(1/6) on the grid */
    num.global_scale = false;
    num.compat = VQ_COMPAT_NONE;
    assert_eq(scale_of(&num, 0, 12, none, VQ_F32), 2);
    assert_eq(vq_effective_scale(&num, 2, s), 2);
}

static void elements_in_the_peers_arithmetic(void **state)
{
    (void)state;
    vq_num num = weight("fp8");
    const float x = 1.0F, s = 0.0030059814F;
    assert_eq(s, vq_round_to(VQ_BF16, s));
    assert_int_equal(vq_encode_at(&num, 336.01F * s, s, 0), 0x7b);
    num.compat = VQ_COMPAT_CT;
    assert_int_equal(vq_encode_at(&num, 336.01F * s, s, 0),
                     0x7a); /* bf16 makes 336 of it, a tie of e4m3 */
    num.scale = VQ_SCALE_F32;
    assert_int_equal(vq_encode_at(&num, 336.01F * s, s, 0), 0x7b);
    assert_int_equal(vq_encode_at(&num, -0.0F, x, 0), 0);
    assert_int_equal(vq_encode_at(&num, -0x1p-20F, x, 0), 0x80);
}

static void modelopts_ties(void **state)
{
    (void)state;
    static const float points[] = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
    vq_num num = weight("mxfp4");
    num.compat = VQ_COMPAT_MODELOPT;
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(vq_encode_at(&num, points[i], 1, 0), i);
        assert_int_equal(vq_encode_at(&num, nextafterf(points[i], 9), 1, 0), i + 1);
        assert_int_equal(vq_encode_at(&num, -points[i], 1, 0), 8 + i);
    }
    assert_int_equal(vq_encode_at(&num, 0, 1, 0), 8);
    assert_int_equal(vq_encode_at(&num, 100, 1, 0), 7);
    num = weight("nvfp4"); /* not this one */
    num.compat = VQ_COMPAT_MODELOPT;
    assert_int_equal(vq_encode_at(&num, 0.75F, 1, 0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(e8m0_rules_by_hand),
        cmocka_unit_test(ceil_rule_never_saturates),
        cmocka_unit_test(four_thirds_covers_all_codes),
        cmocka_unit_test(symmetric_ints),
        cmocka_unit_test(tables),
        cmocka_unit_test(asymmetric_ints),
        cmocka_unit_test(unsigned_ints_without_zero_ignore_negatives),
        cmocka_unit_test(stored_scales_are_finite_and_not_zero),
        cmocka_unit_test(second_scale_in_both_conventions),
        cmocka_unit_test(effective_scales_never_vanish),
        cmocka_unit_test(block_scales_of_nvfp4),
        cmocka_unit_test(elements_in_the_peers_arithmetic),
        cmocka_unit_test(modelopts_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
