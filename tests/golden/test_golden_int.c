/* test_golden_int.c -- integer group quantization against compressed-tensors: scales, zero points,
 * codes, values. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/num/qtensor.h"

static const struct {
    const char *name, *scheme;
} rows[] = {{"W4A16", "int4-g128"}, {"W4A16_ASYM", "int4-g128-asym"}, {"W8A16", "int8-g128"}};

/* Codes as signed numbers. */
static void check_codes(golden_file *f, const vq_qtensor *q, const char *name)
{
    const vq_tensor *t = golden_find(f, "%s.memoryless_minmax.q_int8", name);
    const int8_t *want = (const int8_t *)t->data;
    int64_t bad = 0;
    for (int64_t i = 0; i < q->rows * q->cols; i++)
        bad += vq_decode(&q->num.grid, q->codes[i]) != (float)want[i];
    assert_int_equal(bad, 0);
}

static void quantizes_as_the_peer(void **state)
{
    golden_file *f = (golden_file *)*state;
    const vq_tensor *tx = golden_find(f, "x");
    const int64_t n = tx->shape[0], k = tx->shape[1];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vq_err e = {0};
        vq_scheme buf;
        vq_num num = vq_scheme_find(rows[i].scheme, &buf)->weight;
        num.scale = VQ_SCALE_F32;
        num.compat = VQ_COMPAT_CT;
        vq_qtensor q;
        assert_int_equal(vq_qtensor_new(&q, &num, n, k, &f->arena, &e), VQ_OK);
        assert_int_equal(vq_quantize_ref(&q, golden_f32(f, tx),
                                         vq_global_scale_from_amax(&num, 0, VQ_F32), VQ_F32, &e),
                         VQ_OK);
        const char *name = rows[i].name;
        const float *scale = golden_f32(f, golden_find(f, "%s.memoryless_minmax.scale", name));
        assert_int_equal(differing_floats(q.scale, scale, q.groups, name), 0);
        const int8_t *zero =
            (const int8_t *)golden_find(f, "%s.memoryless_minmax.zero_point", name)->data;
        for (int64_t g = 0; g < q.groups; g++) assert_int_equal(q.zero ? q.zero[g] : 0, zero[g]);
        check_codes(f, &q, name);
        float *out = VQ_ALLOC(&f->arena, float, n *k, "values", &e);
        vq_dequantize_ref(&q, 0, n, out);
        assert_int_equal(
            differing_floats(out,
                             golden_f32(f, golden_find(f, "%s.memoryless_minmax.dequant", name)),
                             n * k, name),
            0);
    }
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/int.safetensors");
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(quantizes_as_the_peer, &f)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
