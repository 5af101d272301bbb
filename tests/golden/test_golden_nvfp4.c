/* test_golden_nvfp4.c -- NVFP4 in both conventions: second scale, block scales, codes and values,
 * bit for bit. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/num/qtensor.h"
#include "show.h"

static const char *const cases[] = {"norm_outlier", "edge",  "edge_nohuge",
                                    "edge_mild",    "zeros", "small"};
#define CASES (sizeof cases / sizeof cases[0])

static float absmax(const float *x, int64_t n)
{
    float a = 0;
    for (int64_t i = 0; i < n; i++) a = x[i] > a ? x[i] : -x[i] > a ? -x[i] : a;
    return a;
}

static vq_qtensor quantize(golden_file *f, const char *name, vq_compat compat)
{
    vq_err e = {0};
    vq_scheme buf;
    vq_num num = vq_scheme_find("nvfp4", &buf)->weight;
    num.compat = compat;
    const vq_tensor *t = golden_find(f, "%s.x", name);
    const float *x = golden_f32(f, t);
    vq_qtensor q;
    assert_int_equal(vq_qtensor_new(&q, &num, t->shape[0], t->shape[1], &f->arena, &e), VQ_OK);
    const vq_global_scale global_scale =
        vq_global_scale_from_amax(&num, absmax(x, q.rows * q.cols), VQ_F32);
    assert_int_equal(vq_quantize_ref(&q, x, global_scale, VQ_F32, &e), VQ_OK);
    return q;
}

static void check(golden_file *f, const vq_qtensor *q, const char *name, const char *who,
                  const char *second)
{
    const int64_t n = q->rows * q->cols;
    vq_err e = {0};
    assert_memory_equal(&q->global_scale,
                        golden_f32(f, golden_find(f, "%s.%s.%s", name, who, second)), 4);
    uint8_t *scales = VQ_ALLOC(&f->arena, uint8_t, q->groups, "scales", &e);
    for (int64_t g = 0; g < q->groups; g++)
        scales[g] = (uint8_t)vq_encode(vq_scale_grid(VQ_SCALE_E4M3), q->scale[g]);
    assert_int_equal(differing_bytes(scales, golden_find(f, "%s.%s.scale_e4m3", name, who)->data,
                                     q->groups, name),
                     0);
    assert_int_equal(differing_bytes(q->codes,
                                     golden_nibbles(f, golden_find(f, "%s.%s.packed", name, who)),
                                     n, name),
                     0);
    float *out = VQ_ALLOC(&f->arena, float, n, "values", &e);
    vq_dequantize_ref(q, 0, q->rows, out);
    assert_int_equal(
        differing_floats(out, golden_f32(f, golden_find(f, "%s.%s.dequant", name, who)), n, name),
        0);
}

static void as_compressed_tensors(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t i = 0; i < CASES; i++) {
        const vq_qtensor q = quantize(f, cases[i], VQ_COMPAT_CT);
        assert_true(q.global_scale_divides);
        check(f, &q, cases[i], "ct", "global_scale");
    }
}

/* An all-zero tensor is NaN there and zeros here; everything else is equal, with and without the
 * compat mode. */
static void as_modelopt(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (int compat = 0; compat < 2; compat++) {
        for (size_t i = 0; i < CASES; i++) {
            if (strcmp(cases[i], "zeros") == 0) continue;
            const vq_qtensor q =
                quantize(f, cases[i], compat ? VQ_COMPAT_MODELOPT : VQ_COMPAT_NONE);
            assert_false(q.global_scale_divides);
            check(f, &q, cases[i], "modelopt", "scale_2");
        }
    }
}

static void zeros_stay_zeros(void **state)
{
    const vq_qtensor q = quantize((golden_file *)*state, "zeros", VQ_COMPAT_NONE);
    assert_eq(q.global_scale, 1);
    for (int64_t g = 0; g < q.groups; g++) assert_eq(q.scale[g], 1);
    for (int64_t i = 0; i < q.rows * q.cols; i++) assert_int_equal(q.codes[i], 0);
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/nvfp4.safetensors");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(as_compressed_tensors, &f),
        cmocka_unit_test_prestate(as_modelopt, &f),
        cmocka_unit_test_prestate(zeros_stay_zeros, &f),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
