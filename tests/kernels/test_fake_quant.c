/* test_fake_quant.c -- quantized inputs of linears against the scalar definitions, for every preset
 * that quantizes inputs and at every level; residual channels (ARC) by their layout and error bound
 * (their codes: tests/golden/test_golden_arc.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/variants.h"
#include "show.h"

#define M 9
#define K 2304

static const char *const levels[] = {"ref", "avx2", "avx512"};
static float x[M * K];

typedef void (*level_check)(const vq_kernels *kr);

static void each_level(level_check check)
{
    for (int l = 0; l < 3; l++) {
        vq_kernels kr;
        vq_err e;
        if (vq_kernels_select(&kr, levels[l], false, &e) == VQ_OK) check(&kr);
    }
}

/* One row of x, element by element through the scalar definitions. */
static void define_row(const vq_act_spec *s, const float *row, int64_t k, float *out)
{
    const vq_num *num = s->num;
    const int64_t width = num->group.kind == VQ_PER_BLOCK ? num->group.cols : k;
    vq_global_scale global_scale = s->global_scale;
    float amax = 0;
    for (int64_t i = 0; i < k; i++) amax = fmaxf(amax, fabsf(row[i]));
    if (num->global_scale && global_scale.value == 0)
        global_scale = vq_global_scale_from_amax(num, amax, VQ_F32);
    for (int64_t g = 0; g < k; g += width) {
        float lo = 0, hi = 0, scale = s->scale;
        int16_t zero = s->zero;
        for (int64_t i = g; i < g + width; i++) lo = fminf(lo, row[i]), hi = fmaxf(hi, row[i]);
        if (scale == 0) vq_group_scale(num, lo, hi, global_scale, VQ_F32, &scale, &zero);
        const float effective =
            s->scale != 0 ? scale : vq_effective_scale(num, scale, global_scale);
        for (int64_t i = g; i < g + width; i++)
            out[i] = vq_decode_at(num, vq_encode_at(num, row[i], effective, zero), effective, zero);
    }
}

static void assert_defined(const vq_kernels *kr, const vq_act_spec *spec, int64_t k)
{
    static float got[M * K], want[K];
    vq_err e;
    assert_int_equal(vq_fake_quant(kr, spec, x, M, k, got, &e), VQ_OK);
    for (int64_t r = 0; r < M; r++) {
        define_row(spec, x + r * k, k, want);
        for (int64_t i = 0; i < k; i++) assert_eq(got[r * k + i], want[i]);
    }
}

static void dynamic_inputs(const vq_kernels *kr)
{
    for (int i = 0; vq_scheme_at(i); i++) {
        const vq_scheme *s = vq_scheme_at(i);
        if (!s->has_act || s->act.when != VQ_DYNAMIC) continue;
        assert_defined(kr, &(vq_act_spec){.num = &s->act}, K);
        assert_defined(kr, &(vq_act_spec){.num = &s->act}, 384);
        if (s->act.global_scale) {
            assert_defined(kr, &(vq_act_spec){.num = &s->act, .global_scale = {0.013F, false}}, K);
            assert_defined(kr, &(vq_act_spec){.num = &s->act, .global_scale = {77.0F, true}}, K);
        }
    }
    vq_scheme buf;
    vq_num num = vq_scheme_find("int8", &buf)->act;
    num.zero = VQ_ZERO_INT;
    assert_defined(kr, &(vq_act_spec){.num = &num}, K);
    num.group = (vq_group_shape){VQ_PER_BLOCK, 1, 24}; /* a width that 16 does not divide */
    assert_defined(kr, &(vq_act_spec){.num = &num}, 240);
    num.group.cols = 1152; /* a width beyond what is handled at once */
    assert_defined(kr, &(vq_act_spec){.num = &num}, 2304);
}

static void test_dynamic(void **state)
{
    (void)state;
    each_level(dynamic_inputs);
}

static void static_inputs(const vq_kernels *kr)
{
    vq_scheme buf;
    vq_num fp8 = vq_scheme_find("fp8-static", &buf)->act, int8 = vq_scheme_find("int8", &buf)->act;
    int8.group.kind = VQ_PER_TENSOR;
    int8.zero = VQ_ZERO_INT;
    assert_defined(kr, &(vq_act_spec){.num = &fp8, .scale = 0.03F}, K);
    assert_defined(kr, &(vq_act_spec){.num = &int8, .scale = 0.11F, .zero = -37}, K);
}

static void test_static(void **state)
{
    (void)state;
    each_level(static_inputs);
}

/* The channels reversed, the last 64 of them with residuals: P P ... P R P R P R P R. */
static void residual_inputs(const vq_kernels *kr)
{
    const int64_t k = K, s = 64;
    static float got[M * (K + 64)];
    static int32_t order[K];
    vq_scheme buf;
    vq_err e;
    const vq_num num = vq_scheme_find("nvfp4", &buf)->act;
    for (int64_t i = 0; i < k; i++) order[i] = (int32_t)(k - 1 - i);
    assert_int_equal(
        vq_fake_quant(kr, &(vq_act_spec){.num = &num, .order = order, .s = s}, x, M, k, got, &e),
        VQ_OK);
    for (int64_t r = 0; r < M; r++) {
        for (int64_t g = 0; g < k / 16; g++) {
            const int64_t twice = g - (k - s) / 16;
            const float *p = got + r * (k + s) + 16 * (g + (twice > 0 ? twice : 0)),
                        *source = x + r * k;
            float top = 0;
            for (int i = 0; i < 16; i++) top = fmaxf(top, fabsf(source[order[16 * g + i]]));
            for (int i = 0; i < 16; i++) {
                const float rest = source[order[16 * g + i]] - p[i];
                assert_le(fabsf(rest), 0.1771F * top + 1e-6F);
                if (twice >= 0) assert_near(rest, p[16 + i], 0.0314F * top + 1e-6F);
            }
        }
    }
}

static void test_residuals(void **state)
{
    (void)state;
    each_level(residual_inputs);
}

/* Formats without a second scale: the ordered row quantized as ever, and what it left over
 * quantized once more. */
static void assert_residuals_defined(const vq_kernels *kr, const vq_num *num, const int32_t *order)
{
    enum { S = 128 };
    static float got[M * (K + S)], ordered[K], first[K], rest[K], second[K];
    vq_err e;
    const vq_act_spec plain = {.num = num}, spec = {.num = num, .order = order, .s = S};
    const int64_t width = num->group.cols;
    assert_int_equal(vq_fake_quant(kr, &spec, x, M, K, got, &e), VQ_OK);
    for (int64_t r = 0; r < M; r++) {
        for (int64_t i = 0; i < K; i++) ordered[i] = x[r * K + order[i]];
        define_row(&plain, ordered, K, first);
        for (int64_t i = 0; i < K; i++) rest[i] = ordered[i] - first[i];
        define_row(&plain, rest, K, second);
        for (int64_t i = 0; i < K; i++) {
            const int64_t past = i / width - (K - S) / width,
                          at = r * (K + S) + i + (past > 0 ? past * width : 0);
            assert_eq(got[at], first[i]);
            if (past >= 0) assert_eq(got[at + width], second[i]);
        }
    }
}

static void residuals_of_other_formats(const vq_kernels *kr)
{
    static const char *const schemes[] = {"mxfp4", "mxfp8", "mxfp6-e2m3", "mxint8"};
    static int32_t order[K];
    vq_scheme buf;
    for (int64_t i = 0; i < K; i++)
        order[i] = (int32_t)((i * 5 + 3) % K); /* 5 and K have no common divisor */
    for (int i = 0; i < 4; i++)
        assert_residuals_defined(kr, &vq_scheme_find(schemes[i], &buf)->act, order);
    vq_num num = vq_scheme_find("int4-g128", &buf)->weight;
    num.when = VQ_DYNAMIC;
    for (num.scale = VQ_SCALE_F32; num.scale <= VQ_SCALE_BF16; num.scale++)
        assert_residuals_defined(kr, &num, order);
    num.group.cols = 64;
    assert_residuals_defined(kr, &num, order);
}

static void test_residuals_of_other_formats(void **state)
{
    (void)state;
    each_level(residuals_of_other_formats);
}

/* Codes and scales are what the floats were made of; a row of zeros keeps the smallest scale with
 * ARC. */
static void test_codes(void **state)
{
    (void)state;
    vq_kernels kr;
    vq_err e;
    vq_scheme buf;
    const vq_num num = vq_scheme_find("nvfp4", &buf)->act;
    static uint8_t codes[K];
    static float scale[K / 16], out[K], zeros[K];
    static int32_t order[K];
    assert_int_equal(vq_kernels_select(&kr, NULL, false, &e), VQ_OK);
    const vq_global_scale global_scale = vq_act_encode(&kr, &(vq_act_spec){.num = &num}, x, K,
                                                       &(vq_act_codes){codes, scale, NULL, out});
    for (int i = 0; i < K; i++)
        assert_eq(out[i], vq_decode(&num.grid, codes[i]) * (scale[i / 16] * global_scale.value));
    for (int i = 0; i < K; i++) order[i] = i;
    (void)vq_act_encode(&kr, &(vq_act_spec){.num = &num, .order = order}, zeros, K,
                        &(vq_act_codes){codes, scale, NULL, out});
    for (int i = 0; i < K; i++) {
        assert_eq(codes[i], 0);
        assert_eq(scale[i / 16], 0x1p-9F);
        assert_eq(out[i], 0);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    vq_kernels kr;
    vq_err e;
    vq_scheme buf;
    static float out[M * K], bad[M * K];
    const vq_num num = vq_scheme_find("nvfp4", &buf)->act;
    assert_int_equal(vq_kernels_select(&kr, NULL, false, &e), VQ_OK);
    memcpy(bad, x, sizeof bad);
    bad[4 * K + 17] = NAN;
    bad[7 * K] = INFINITY;
    assert_int_equal(vq_fake_quant(&kr, &(vq_act_spec){.num = &num}, bad, M, K, out, &e),
                     VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "row 4 "));
}

int main(void)
{
    fill_row(x, M * K, 9, 4);
    memset(x + 3 * K + 32, 0, 64 * sizeof *x);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynamic),   cmocka_unit_test(test_static),
        cmocka_unit_test(test_residuals), cmocka_unit_test(test_residuals_of_other_formats),
        cmocka_unit_test(test_codes),     cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
