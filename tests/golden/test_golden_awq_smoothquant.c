/* test_golden_awq_smoothquant.c -- channel scales of SmoothQuant, and AWQ's grid search over a
 * parent silu(a(x)) * b(x), against llm-compressor: the same point of the grid, the same errors. */
#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "quant/transform.h"

enum { K = 256, N = 96, TOKENS = 512 };

/* The golden module: two linears under one input, and what its output was. */
typedef struct world {
    golden_file *file;
    vq_kernels kernels;
    float *x, *weights[2], *want;
    vq_stats stats;
    vq_scheme scheme;
    vq_consumer consumers[2];
    double first, least; /* errors that the trials saw */
    int trials;
} world;

static void parent(const world *w, const float *const weights[2], float *out)
{
    static float gate[TOKENS * N], up[TOKENS * N];
    vq_gemm_nt(&w->kernels, TOKENS, N, K, w->x, K, weights[0], K, gate, N);
    vq_gemm_nt(&w->kernels, TOKENS, N, K, w->x, K, weights[1], K, up, N);
    w->kernels.silu_mul(gate, up, TOKENS * N, out);
}

static vq_status trial(void *ctx, const float *const *weights, double *mse, vq_err *e)
{
    static float out[TOKENS * N];
    world *w = ctx;
    (void)e;
    parent(w, weights, out);
    *mse = 0;
    for (int i = 0; i < TOKENS * N; i++)
        *mse += pow((double)out[i] - (double)w->want[i], 2) / (TOKENS * N);
    if (w->trials++ == 0) w->first = *mse;
    w->least = w->trials == 1 ? *mse : fmin(w->least, *mse);
    return VQ_OK;
}

static void gather(world *w)
{
    golden_file *f = w->file;
    vq_err e;
    vq_stats *s = &w->stats;
    *s = (vq_stats){.k = K, .tokens = TOKENS};
    s->min = VQ_NEW(&f->arena, float, K, "min", &e);
    s->max = VQ_NEW(&f->arena, float, K, "max", &e);
    s->abs_sum = VQ_NEW(&f->arena, double, K, "sums", &e);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < K; i++) {
            const float v = w->x[t * K + i];
            s->min[i] = t ? fminf(s->min[i], v) : v;
            s->max[i] = t ? fmaxf(s->max[i], v) : v;
            s->abs_sum[i] += fabs((double)v);
        }
}

static world open_world(golden_file *f)
{
    vq_err e;
    world w = {.file = f, .x = golden_f32(f, golden_find(f, "X"))};
    assert_int_equal(vq_kernels_select(&w.kernels, NULL, false, &e), VQ_OK);
    w.weights[0] = golden_f32(f, golden_find(f, "W_a"));
    w.weights[1] = golden_f32(f, golden_find(f, "W_b"));
    w.want = VQ_ALLOC(&f->arena, float, TOKENS *N, "output", &e);
    parent(&w, (const float *const *)w.weights, w.want);
    gather(&w);
    return w;
}

static void close_scales(const float *got, const vq_tensor *t, double tolerance)
{
    for (int i = 0; i < K; i++) {
        double want;
        if (t->dtype == VQ_F64)
            memcpy(&want, (const char *)t->data + 8 * i, 8);
        else
            want = (double)((const float *)t->data)[i];
        if (!(fabs((double)got[i] - want) <= tolerance * want))
            fail_msg("%s[%d]: %.9g, reference %.9g", t->name, i, (double)got[i], want);
    }
}

static void use_scheme(world *w, const char *scheme)
{
    vq_scheme buf;
    w->scheme = *vq_scheme_find(scheme, &buf);
    w->scheme.weight.compat = VQ_COMPAT_CT;
    if (w->scheme.weight.scale == VQ_SCALE_BF16)
        w->scheme.weight.scale = VQ_SCALE_F32; /* the peer's model was in f32 */
    for (int c = 0; c < 2; c++) {
        const float peak = w->kernels.absmax(w->weights[c], (size_t)N * K);
        w->consumers[c] =
            (vq_consumer){.name = c ? "b" : "a", .w = w->weights[c], .n = N, .scheme = &w->scheme};
        w->consumers[c].global_scale = vq_global_scale_from_amax(&w->scheme.weight, peak, VQ_F32);
    }
}

static vq_transform_job job_of(world *w, const vq_option_set *options)
{
    return (vq_transform_job){
        .kernels = &w->kernels,
        .options = options,
        .stats = &w->stats,
        .scheme = &w->scheme,
        .consumers = w->consumers,
        .nconsumers = 2,
        .producer = {.kind = VQ_PRODUCER_NORM},
        .trial = trial,
        .trial_ctx = w,
        .arith = VQ_F32,
        .arena = &w->file->arena,
    };
}

static void smooth(void **state)
{
    world w = open_world(*state);
    vq_err e;
    vq_arena scratch;
    vq_option_set options;
    vq_arena_init(&scratch, NULL);
    use_scheme(&w, "int8");
    vq_option_defaults(&options, vq_transform_smooth.options);
    vq_transform_job job = job_of(&w, &options);
    job.scratch = &scratch;
    assert_int_equal(vq_transform_smooth.run(&job, &e), VQ_OK);
    close_scales(job.map.scale, golden_find(w.file, "smooth.scales_alpha0.5"), 1e-6);
    assert_int_equal(vq_option_parse(&options, "strength", "0.8", &e), VQ_OK);
    assert_int_equal(vq_transform_smooth.run(&job, &e), VQ_OK);
    close_scales(job.map.scale, golden_find(w.file, "smooth.scales_alpha0.8"), 1e-6);
    vq_arena_done(&scratch);
}

static void search(world *w, const char *name, const char *scheme, bool duo)
{
    vq_err e;
    vq_arena scratch;
    vq_option_set options;
    const char *mode = duo ? "True" : "False";
    vq_arena_init(&scratch, NULL);
    use_scheme(w, scheme);
    vq_option_defaults(&options, vq_transform_awq.options);
    assert_int_equal(vq_option_parse(&options, "duo", duo ? "true" : "false", &e), VQ_OK);
    vq_transform_job job = job_of(w, &options);
    job.scratch = &scratch;
    w->trials = 0;
    assert_int_equal(vq_transform_awq.run(&job, &e), VQ_OK);
    assert_int_equal(w->trials, 20);
    assert_non_null(job.map.scale);
    close_scales(job.map.scale, golden_find(w->file, "%s.duo_%s.best_scales", name, mode), 1e-5);
    /* A group's largest weight lies between two codes (its scale is amax / 7.5): the last bit of a
     * scale decides which one it gets. */
    double errors[2];
    memcpy(errors, golden_find(w->file, "%s.duo_%s.errors", name, mode)->data, sizeof errors);
    if (fabs(w->first - errors[0]) > 1e-3 * errors[0] ||
        fabs(w->least - errors[1]) > 0.05 * errors[1])
        fail_msg("%s duo %s: errors %.6g and %.6g, reference %.6g and %.6g", name, mode, w->first,
                 w->least, errors[0], errors[1]);
    vq_arena_done(&scratch);
}

static void awq(void **state)
{
    static const char *const schemes[][2] = {
        {"W4A16", "int4-g128"}, {"W4A16_ASYM", "int4-g128-asym"}, {"NVFP4", "nvfp4a16"}};
    world w = open_world(*state);
    for (size_t i = 0; i < 3; i++)
        for (int duo = 0; duo < 2; duo++) search(&w, schemes[i][0], schemes[i][1], duo);
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/awq_smoothquant.safetensors");
    const struct CMUnitTest tests[] = {
        {"smooth", smooth, NULL, NULL, &f},
        {"awq", awq, NULL, NULL, &f},
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
