/* test_golden_gptq.c -- GPTQ of llm-compressor 0.14: weights after rounding, for int4, NVFP4 and
 * MXFP4, in both orders, with both scale observers; and the factor of the curvature. */
#include "gptq_reference.h"

#include "quant/round/factor.h"
#include "show.h"

static vq_kernels kernels;

static gptq_case new_case(golden_file *f, const char *preset)
{
    vq_scheme buf;
    gptq_case c = {.f = f,
                   .kernels = &kernels,
                   .num = vq_scheme_find(preset, &buf)->weight,
                   .global_scale = {1.0F, true}};
    const vq_tensor *w = golden_find(f, "W"), *x = golden_find(f, "X");
    c.num.compat = VQ_COMPAT_CT;
    if (!c.num.global_scale && c.num.grid.kind == VQ_GRID_INT) c.num.scale = VQ_SCALE_F32;
    c.n = w->shape[0];
    c.k = w->shape[1];
    c.w = golden_f32(f, w);
    c.h = gptq_hessian(f, golden_f32(f, x), x->shape[0], c.k);
    return c;
}

static const struct {
    const char *peer, *preset, *actorder, *order, *scales;
} variants[] = {
    {"W4A16", "int4-g128", "none", "original", "plain"},
    {"W4A16", "int4-g128", "static", "activation", "plain"},
    {"W4A16", "int4-g128", "weight", "activation", "plain"},
    {"W4A16_ASYM", "int4-g128-asym", "none", "original", "plain"},
    {"W4A16_ASYM", "int4-g128-asym", "static", "activation", "plain"},
    {"W4A16_ASYM", "int4-g128-asym", "weight", "activation", "plain"},
    {"NVFP4", "nvfp4", "none", "original", "plain"},
    {"NVFP4", "nvfp4", "static", "activation", "plain"},
    {"NVFP4", "nvfp4", "weight", "activation", "plain"},
    {"MXFP4", "mxfp4", "none", "original", "plain"},
    {"MXFP4", "mxfp4", "static", "activation", "plain"},
    {"MXFP4", "mxfp4", "weight", "activation", "plain"},
    {"W4A16_mse", "int4-g128", "static", "activation", "memoryless"},
    {"NVFP4_mse", "nvfp4", "static", "activation", "memoryless"},
};

static void rounded(void **state)
{
    golden_file *f = *state;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        char name[64];
        vq_qtensor q;
        snprintf(name, sizeof name, "%s.%s", variants[i].peer, variants[i].actorder);
        gptq_case c = new_case(f, variants[i].preset);
        const char *const options[][2] = {
            {"order", variants[i].order}, {"scales", variants[i].scales}, {"dead", "zero"}};
        memcpy(c.options, options, sizeof options);
        if (c.num.global_scale)
            c.global_scale.value = golden_f32(f, golden_find(f, "%s.global_scale", name))[0];
        gptq_round(&c, &q);
        assert_int_equal(differing_floats(q.scale, golden_f32(f, golden_find(f, "%s.scale", name)),
                                          q.groups, name),
                         0);
        const float *zero = golden_f32(f, golden_find(f, "%s.zero_point", name));
        for (int64_t g = 0; q.zero && g < q.groups; g++) assert_eq((float)q.zero[g], zero[g]);
        gptq_compare(&c, &q, golden_f32(f, golden_find(f, "%s.dequant", name)), -1, name);
    }
}

/* Their C is the upper Cholesky factor of the inverse: C^T C (H + damp I) = I, so C (U + I) sqrt(D)
 * is the identity. */
static void factor(void **state)
{
    golden_file *f = *state;
    vq_err e = {0};
    vq_factor u;
    const gptq_case c = new_case(f, "nvfp4");
    const float *h = golden_f32(f, golden_find(f, "H_normalized"));
    const float *peer = golden_f32(f, golden_find(f, "Hinv_cholesky_upper"));
    const vq_factor_spec spec = {.k = c.k, .width = c.k, .damp = 0.01};
    assert_int_equal(vq_factor_new(&u, h, &spec, &f->arena, &e), VQ_OK);
    for (int64_t i = 0; i < c.k; i++) {
        if (u.diag[i] == 0) continue;
        for (int64_t j = 0; j < c.k; j++) {
            double sum = 0;
            for (int64_t p = 0; p < c.k; p++)
                sum += (double)peer[i * c.k + p] *
                       (p == j ? 1.0 : (double)vq_factor_panel(&u, 0)[p * c.k + j]);
            const double x = sum * sqrt(u.d[j]);
            assert_near(x, (i == j), 2e-3);
        }
    }
}

int main(void)
{
    golden_file f;
    vq_err e = {0};
    golden_open(&f, "formats-and-quantizers/gptq.safetensors");
    if (vq_kernels_select(&kernels, NULL, false, &e) != VQ_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(rounded, &f),
        cmocka_unit_test_prestate(factor, &f),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
