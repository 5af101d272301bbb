/* test_dtype.c -- stored types: names, sizes, and every bf16 and f16 code against the compiler's
 * own conversions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/num/dtype.h"
#include "show.h"

static void test_names(void **state)
{
    (void)state;
    for (int t = 0; t < VQ_DTYPES; t++) {
        const char *name = vq_dtype_name((vq_dtype)t);
        assert_int_equal(vq_dtype_find(name, strlen(name)), t);
        assert_gt(vq_dtype_bits((vq_dtype)t), 0);
    }
    assert_int_equal(vq_dtype_find("F31", 3), VQ_DTYPES);
}

static void test_bytes(void **state)
{
    (void)state;
    size_t bytes;
    vq_err e;
    assert_int_equal(vq_tensor_bytes(VQ_BF16, (int64_t[]){3, 5}, 2, &bytes, &e), VQ_OK);
    assert_int_equal(bytes, 30);
    assert_int_equal(vq_tensor_bytes(VQ_F32, NULL, 0, &bytes, &e), VQ_OK);
    assert_int_equal(bytes, 4);
    assert_int_equal(vq_tensor_bytes(VQ_F4, (int64_t[]){3}, 1, &bytes, &e), VQ_E_INPUT);
    assert_int_equal(vq_tensor_bytes(VQ_F32, (int64_t[]){-1}, 1, &bytes, &e), VQ_E_INPUT);
    assert_int_equal(vq_tensor_bytes(VQ_F32, (int64_t[]){INT64_MAX, 16}, 2, &bytes, &e),
                     VQ_E_INPUT);
    assert_int_equal(vq_tensor_bytes(VQ_F32, (int64_t[]){INT64_MAX}, 1, &bytes, &e), VQ_E_INPUT);
}

static void test_half_round_trip(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float b = vq_bf16_to_f32((uint16_t)h), f = vq_f16_to_f32((uint16_t)h);
        if (!isnan(b)) assert_int_equal(vq_f32_to_bf16(b), h);
        if (!isnan(f)) assert_int_equal(vq_f32_to_f16(f), h);
        assert_int_equal(isnan(f), (h & 0x7fff) > 0x7c00);
    }
}

/* Midway between neighbours goes to the even code, anything past midway to the nearer one. */
static void test_half_ties(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const double lo = (double)vq_f16_to_f32((uint16_t)h),
                     hi = (double)vq_f16_to_f32((uint16_t)(h + 1));
        const float mid = (float)((lo + hi) / 2);
        assert_int_equal(vq_f32_to_f16(mid), h + (h & 1));
        assert_int_equal(vq_f32_to_f16(nextafterf(mid, 1e6F)), h + 1);
        assert_int_equal(vq_f32_to_f16(nextafterf(mid, 0)), h);
    }
    assert_int_equal(vq_f32_to_f16(65520.0F), 0x7c00);
    assert_int_equal(vq_f32_to_f16(-1e-9F), 0x8000);
    assert_int_equal(vq_f32_to_bf16(1.00390625F), 0x3f80);
    assert_int_equal(vq_f32_to_bf16(1.01171875F), 0x3f82);
    assert_true(isnan(vq_bf16_to_f32(vq_f32_to_bf16(NAN))));
}

static void test_to_f32(void **state)
{
    (void)state;
    unsigned char bytes[17] = {0};
    const double d = -2.5;
    memcpy(bytes + 1, &d, 8);
    bytes[9] = 0x38; /* e4m3 1.0 */
    float out[1];
    vq_err e;
    vq_tensor t = {
        .name = "x", .dtype = VQ_F64, .ndim = 1, .shape = {1}, .data = bytes + 1, .bytes = 8};
    assert_int_equal(vq_to_f32(&t, 0, 1, out, &e), VQ_OK);
    assert_eq(out[0], -2.5F);
    t.dtype = VQ_F8_E4M3;
    assert_int_equal(vq_to_f32(&t, 8, 1, out, &e), VQ_OK);
    assert_eq(out[0], 1.0F);
    t.dtype = VQ_I32;
    assert_int_equal(vq_to_f32(&t, 0, 1, out, &e), VQ_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_half_round_trip), cmocka_unit_test(test_half_ties),
        cmocka_unit_test(test_to_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
