/* test_golden_mse.c -- scale searches of llm-compressor: chosen ranges, second scale, scales,
 * codes; and ours never loses to plain rounding. */
#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "quant/search/mse_search.h"
#include "show.h"

static vq_kernels kernels;

typedef struct search_case {
    golden_file *f;
    vq_num num;
    const float *x;
    int64_t rows, cols;
    vq_round_job job;
    vq_qtensor q;
} search_case;

static search_case new_case(golden_file *f, const char *x, const char *scheme)
{
    vq_err e = {0};
    vq_scheme buf;
    const vq_tensor *t = golden_find(f, "%s", x);
    search_case c = {.f = f,
                     .num = vq_scheme_find(scheme, &buf)->weight,
                     .x = golden_f32(f, t),
                     .rows = t->shape[0],
                     .cols = t->shape[1]};
    c.num.compat = VQ_COMPAT_CT;
    if (!c.num.global_scale) c.num.scale = VQ_SCALE_F32;
    c.job = (vq_round_job){
        .kernels = &kernels, .arith = VQ_F32, .scratch = &f->arena, .global_scale = {1.0F, true}};
    assert_int_equal(vq_qtensor_new(&c.q, &c.num, c.rows, c.cols, &f->arena, &e), VQ_OK);
    return c;
}

/* Largest magnitude of the ranges that were chosen: what the peer makes its second scale from. */
static float chosen_amax(const search_case *c, const vq_mse_search *s, const uint8_t *best)
{
    const int64_t width = c->num.group.cols;
    float most = 0;
    for (int64_t i = 0; i < c->rows * c->cols; i++)
        most = fmaxf(most,
                     fabsf(c->x[i]) * (s->base != 0 ? s->base : 1.0F) * s->factor(best[i / width]));
    return most;
}

static void search(search_case *c, const char *name)
{
    vq_err e = {0};
    const vq_mse_search *s = vq_mse_named(name);
    uint8_t *best = VQ_ALLOC(&c->f->arena, uint8_t, c->q.groups, "best", &e);
    assert_int_equal(vq_mse_choose(&c->job, s, c->x, &c->q, best, &e), VQ_OK);
    if (c->num.global_scale)
        c->job.global_scale = vq_global_scale_from_amax(&c->num, chosen_amax(c, s, best), VQ_F32);
    assert_int_equal(vq_mse_apply(&c->job, s, c->x, &c->q, best, &e), VQ_OK);
}

static void nvfp4(void **state)
{
    static const char *const inputs[] = {"norm_outlier", "small"}, *const peers[] = {
                                                                       "memoryless_mse",
                                                                       "nvfp4_expanded_mse"};
    static const char *const names[] = {"memoryless", "expanded"};
    golden_file *f = *state;
    vq_err e = {0};
    for (int i = 0; i < 4; i++) {
        char x[64];
        const char *in = inputs[i / 2], *peer = peers[i % 2];
        snprintf(x, sizeof x, "%s.x", in);
        search_case c = new_case(f, x, "nvfp4");
        search(&c, names[i % 2]);
        assert_memory_equal(&c.q.global_scale, golden_find(f, "%s.%s.global_scale", in, peer)->data,
                            4);
        uint8_t *scale = VQ_ALLOC(&f->arena, uint8_t, c.q.groups, "scales", &e);
        for (int64_t g = 0; g < c.q.groups; g++)
            scale[g] = (uint8_t)vq_encode(vq_scale_grid(VQ_SCALE_E4M3), c.q.scale[g]);
        assert_int_equal(differing_bytes(scale, golden_find(f, "%s.%s.scale_e4m3", in, peer)->data,
                                         c.q.groups, peer),
                         0);
        assert_int_equal(
            differing_bytes(c.q.codes, golden_nibbles(f, golden_find(f, "%s.%s.packed", in, peer)),
                            c.rows * c.cols, peer),
            0);
    }
}

static void ints(void **state)
{
    static const char *const names[] = {"W4A16", "W4A16_ASYM", "W8A16"}, *const schemes[] = {
                                                                             "int4-g128",
                                                                             "int4-g128-asym",
                                                                             "int8-g128"};
    golden_file *f = *state;
    for (int i = 0; i < 3; i++) {
        search_case c = new_case(f, "x", schemes[i]);
        search(&c, "memoryless");
        const float *scale = golden_f32(f, golden_find(f, "%s.memoryless_mse.scale", names[i]));
        assert_int_equal(differing_floats(c.q.scale, scale, c.q.groups, names[i]), 0);
        const int8_t *zero = golden_find(f, "%s.memoryless_mse.zero_point", names[i])->data;
        const int8_t *codes = golden_find(f, "%s.memoryless_mse.q_int8", names[i])->data;
        for (int64_t g = 0; c.q.zero && g < c.q.groups; g++) assert_int_equal(c.q.zero[g], zero[g]);
        for (int64_t k = 0; k < c.rows * c.cols; k++)
            assert_eq(vq_decode(&c.num.grid, c.q.codes[k]), (float)codes[k]);
    }
}

/* The peer's search minimizes another power; ours must win on squares, and over plain rounding in
 * every scheme. */
static void ours(void **state)
{
    static const char *const schemes[] = {"nvfp4",          "mxfp4", "mxfp8",     "int4-g64",
                                          "int4-g128-asym", "int8",  "fp8-block", "fp8",
                                          "bfp12-64"};
    golden_file *f = *state;
    vq_err e = {0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        search_case c = new_case(f, "x", schemes[i]);
        float most = 0;
        for (int64_t k = 0; k < c.rows * c.cols; k++) most = fmaxf(most, fabsf(c.x[k]));
        vq_option_set options;
        vq_option_defaults(&options, vq_round_mse.options);
        c.job.options = &options;
        c.job.global_scale = vq_global_scale_from_amax(&c.num, most, VQ_F32);
        assert_int_equal(vq_round_rtn.run(&c.job, c.x, &c.q, &e), VQ_OK);
        const double plain = c.job.noise, signal = c.job.signal;
        assert_int_equal(vq_round_mse.run(&c.job, c.x, &c.q, &e), VQ_OK);
        printf("%-16s squared error: plain %.4g, searched %.4g\n", schemes[i], plain, c.job.noise);
        assert_near(c.job.signal, signal, 1e-9 * signal);
        assert_le(c.job.noise, plain);
        float *y = VQ_ALLOC(&f->arena, float, c.rows *c.cols, "values", &e);
        double noise = 0;
        vq_dequantize_ref(&c.q, 0, c.rows, y);
        for (int64_t k = 0; k < c.rows * c.cols; k++)
            noise += ((double)y[k] - (double)c.x[k]) * ((double)y[k] - (double)c.x[k]);
        assert_near(noise, c.job.noise, 1e-6 * noise);
    }
}

int main(void)
{
    golden_file nv, in;
    vq_err e = {0};
    golden_open(&nv, "formats-and-quantizers/nvfp4.safetensors");
    golden_open(&in, "formats-and-quantizers/int.safetensors");
    if (vq_kernels_select(&kernels, NULL, false, &e) != VQ_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(nvfp4, &nv),
        cmocka_unit_test_prestate(ints, &in),
        cmocka_unit_test_prestate(ours, &in),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&nv);
    golden_close(&in);
    return failed;
}
