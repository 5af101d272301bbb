/* test_golden_mx.c -- MX formats under every scale rule, against microxcaling, gfloat,
 * compressed-tensors and ModelOpt. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/num/qtensor.h"

static const char *const cases[] = {"norm_outlier", "edge", "edge_mild", "small"};
#define CASES (sizeof cases / sizeof cases[0])
static const struct {
    const char *name, *grid;
} formats[] = {{"fp4_e2m1", "e2m1"}, {"fp6_e3m2", "e3m2"}, {"fp6_e2m3", "e2m3"},
               {"fp8_e4m3", "e4m3"}, {"fp8_e5m2", "e5m2"}, {"int8", "mxint8"}};
#define FORMATS (sizeof formats / sizeof formats[0])

static vq_num mx(const char *grid, vq_rule rule)
{
    vq_num num = {.group = {VQ_PER_BLOCK, 1, 32}, .scale = VQ_SCALE_E8M0, .rule = rule};
    assert_true(vq_grid_parse(grid, &num.grid));
    return num;
}

static vq_qtensor quantize(golden_file *f, const char *name, const vq_num *num)
{
    vq_err e = {0};
    const vq_tensor *t = golden_find(f, "%s.x", name);
    vq_qtensor q;
    assert_int_equal(vq_qtensor_new(&q, num, t->shape[0], t->shape[1], &f->arena, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, golden_f32(f, t), (vq_global_scale){1, false}, VQ_F32, &e),
                     VQ_OK);
    return q;
}

static void check_scales(golden_file *f, const vq_qtensor *q, const vq_tensor *want)
{
    vq_err e = {0};
    uint8_t *scales = VQ_ALLOC(&f->arena, uint8_t, q->groups, "scales", &e);
    for (int64_t g = 0; g < q->groups; g++)
        scales[g] = (uint8_t)vq_encode(vq_scale_grid(VQ_SCALE_E8M0), q->scale[g]);
    assert_int_equal(differing_bytes(scales, want->data, q->groups, want->name), 0);
}

static void check_values(golden_file *f, const vq_qtensor *q, const vq_tensor *want)
{
    vq_err e = {0};
    float *out = VQ_ALLOC(&f->arena, float, q->rows * q->cols, "values", &e);
    vq_dequantize_ref(q, 0, q->rows, out);
    assert_int_equal(differing_floats(out, golden_f32(f, want), q->rows * q->cols, want->name), 0);
}

/* microxcaling keeps integers symmetric. */
static void floor_rule_as_microxcaling(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < CASES; c++) {
        for (size_t i = 0; i < FORMATS; i++) {
            vq_num num = mx(formats[i].grid, VQ_RULE_FLOOR);
            num.range = VQ_RANGE_NARROW;
            const vq_qtensor q = quantize(f, cases[c], &num);
            check_scales(f, &q, golden_find(f, "%s.mxc.%s.scale_e8m0", cases[c], formats[i].name));
            check_values(f, &q,
                         golden_find(f, "%s.mxc.%s.even.dequant", cases[c], formats[i].name));
        }
    }
}

static void floor_rule_as_gfloat(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < CASES; c++) {
        for (size_t i = 0; i < FORMATS; i++) {
            const vq_tensor *codes =
                golden_find(f, "%s.gfloat.%s.codes", cases[c], formats[i].name);
            if (!codes) continue;
            const vq_num num = mx(formats[i].grid, VQ_RULE_FLOOR);
            const vq_qtensor q = quantize(f, cases[c], &num);
            check_scales(f, &q,
                         golden_find(f, "%s.gfloat.%s.scale_e8m0", cases[c], formats[i].name));
            assert_int_equal(differing_bytes(q.codes, codes->data, q.rows * q.cols, codes->name),
                             0);
        }
    }
}

static void bump_rule_as_compressed_tensors(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < CASES; c++) {
        vq_num num = mx("e2m1", VQ_RULE_BUMP);
        num.compat = VQ_COMPAT_CT;
        vq_qtensor q = quantize(f, cases[c], &num);
        check_scales(f, &q, golden_find(f, "%s.ct.MXFP4.scale_e8m0", cases[c]));
        const vq_tensor *packed = golden_find(f, "%s.ct.MXFP4.packed", cases[c]);
        assert_int_equal(
            differing_bytes(q.codes, golden_nibbles(f, packed), q.rows * q.cols, packed->name), 0);
        check_values(f, &q, golden_find(f, "%s.ct.MXFP4.dequant", cases[c]));
        num.grid = mx("e4m3", VQ_RULE_BUMP).grid;
        q = quantize(f, cases[c], &num);
        const vq_tensor *scale = golden_find(f, "%s.ct.MXFP8.scale_float", cases[c]);
        assert_int_equal(differing_floats(q.scale, golden_f32(f, scale), q.groups, scale->name), 0);
        check_values(f, &q, golden_find(f, "%s.ct.MXFP8.dequant", cases[c]));
    }
}

static void ceil_rule_as_modelopt(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < CASES; c++) {
        const vq_tensor *packed = golden_find(f, "%s.modelopt.MXFP4.packed", cases[c]);
        if (!packed) continue;
        vq_num num = mx("e2m1", VQ_RULE_CEIL);
        num.compat = VQ_COMPAT_MODELOPT;
        vq_qtensor q = quantize(f, cases[c], &num);
        check_scales(f, &q, golden_find(f, "%s.modelopt.MXFP4.scale_e8m0", cases[c]));
        assert_int_equal(
            differing_bytes(q.codes, golden_nibbles(f, packed), q.rows * q.cols, packed->name), 0);
        check_values(f, &q, golden_find(f, "%s.modelopt.MXFP4.dequant", cases[c]));
        num.grid = mx("e4m3", VQ_RULE_CEIL).grid;
        q = quantize(f, cases[c], &num);
        check_scales(f, &q, golden_find(f, "%s.modelopt.MXFP8.scale_e8m0", cases[c]));
        const vq_tensor *codes = golden_find(f, "%s.modelopt.MXFP8.codes", cases[c]);
        assert_int_equal(differing_bytes(q.codes, codes->data, q.rows * q.cols, codes->name), 0);
        check_values(f, &q, golden_find(f, "%s.modelopt.MXFP8.dequant", cases[c]));
    }
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/mx.safetensors");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(floor_rule_as_microxcaling, &f),
        cmocka_unit_test_prestate(floor_rule_as_gfloat, &f),
        cmocka_unit_test_prestate(bump_rule_as_compressed_tensors, &f),
        cmocka_unit_test_prestate(ceil_rule_as_modelopt, &f),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
