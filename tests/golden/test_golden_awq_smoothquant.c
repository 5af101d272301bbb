/* test_golden_awq_smoothquant.c -- channel scales of SmoothQuant, and AWQ's grid search over a
 * parent silu(a(x)) * b(x), against llm-compressor: the same point of the grid, the same errors. */
#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "quant/transform.h"
#include "show.h"

enum { K = 256, N = 96, TOKENS = 512, POINTS = 20 };

/* The golden module: two linears under one input, and what its output was. */
typedef struct world {
    golden_file *file;
    vq_kernels kernels;
    float *x, *weights[2], *want;
    vq_stats stats;
    vq_scheme scheme;
    vq_consumer consumers[2];
    double errors[POINTS]; /* that the trials saw, one for each point of the grid */
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
    assert_lt(w->trials, POINTS);
    w->errors[w->trials++] = *mse;
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

static double reference_scale(const vq_tensor *t, int i)
{
    double value;
    if (t->dtype != VQ_F64) return (double)((const float *)t->data)[i];
    memcpy(&value, (const char *)t->data + 8 * i, 8);
    return value;
}

static void close_scales(const float *got, const vq_tensor *t, double tolerance)
{
    for (int i = 0; i < K; i++) {
        const double want = reference_scale(t, i);
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

/* Mean of |w| / (largest of its group + 1e-6) over the rows of both weights. */
static void relative_weights(const world *w, double out[K])
{
    int64_t rows, group;
    vq_group_size(&w->scheme.weight, N, K, &rows, &group);
    memset(out, 0, K * sizeof *out);
    for (int64_t r = 0; r < 2 * N; r++) {
        const float *row = w->weights[r / N] + r % N * K;
        for (int64_t i = 0; i < K; i++) {
            const float peak = w->kernels.absmax(row + i / group * group, (size_t)group);
            out[i] += fabs((double)row[i]) / ((double)peak + 1e-6) / (2 * N);
        }
    }
}

/* The scales that the peer tries at point p of its grid. */
static void scales_of_point(const world *w, const double weight[K], bool duo, int p, double out[K])
{
    const double ratio = duo ? (p - 1) / (POINTS - 2.0) : p / (POINTS - 1.0);
    double most = 0, least = INFINITY;
    for (int i = 0; i < K; i++) {
        const double x = pow(w->stats.abs_sum[i] / TOKENS, ratio),
                     y = duo ? pow(weight[i], 1 - ratio) + 1e-4 : 1;
        out[i] = duo && p == 0 ? 1 : fmax(x / y, 1e-4);
        most = fmax(most, out[i]);
        least = fmin(least, out[i]);
    }
    for (int i = 0; i < K; i++) out[i] /= sqrt(most * least);
}

/* The point of the grid whose scales are those of t. */
static int point_of_scales(const world *w, bool duo, const vq_tensor *t)
{
    double weight[K], scale[K];
    relative_weights(w, weight);
    for (int p = 0; p < POINTS; p++) {
        double worst = 0;
        scales_of_point(w, weight, duo, p, scale);
        for (int i = 0; i < K; i++) worst = fmax(worst, fabs(scale[i] / reference_scale(t, i) - 1));
        if (worst < 1e-5) return p;
    }
    fail_msg("%s is no point of the grid", t->name);
    return -1;
}

/* The peer says what the first point and its best one cost; which of two that cost the same wins is
 * a matter of last bits. A group's largest weight lies between two codes (its scale is amax / 7.5),
 * and the last bit of a scale decides which one it gets: 5 %. */
static void compare_errors(const world *w, const char *name, bool duo, const float *chosen)
{
    const char *mode = duo ? "True" : "False";
    const vq_tensor *scales = golden_find(w->file, "%s.duo_%s.best_scales", name, mode);
    double want[2], weight[K], scale[K];
    int ours = 0;
    memcpy(want, golden_find(w->file, "%s.duo_%s.errors", name, mode)->data, sizeof want);
    const int theirs = point_of_scales(w, duo, scales);
    for (int p = 0; p < POINTS; p++)
        if (w->errors[p] < w->errors[ours]) ours = p;
    assert_near(w->errors[0], want[0], 1e-3 * want[0]);
    assert_near(w->errors[theirs], want[1], 0.05 * want[1]);
    assert_le(w->errors[theirs], 1.01 * w->errors[ours]);
    relative_weights(w, weight);
    scales_of_point(w, weight, duo, ours, scale);
    for (int i = 0; i < K; i++) assert_near((double)chosen[i], scale[i], 1e-5 * scale[i]);
}

static void search(world *w, const char *name, const char *scheme, bool duo)
{
    vq_err e;
    vq_arena scratch;
    vq_option_set options;
    vq_arena_init(&scratch, NULL);
    use_scheme(w, scheme);
    vq_option_defaults(&options, vq_transform_awq.options);
    assert_int_equal(vq_option_parse(&options, "duo", duo ? "true" : "false", &e), VQ_OK);
    vq_transform_job job = job_of(w, &options);
    job.scratch = &scratch;
    w->trials = 0;
    assert_int_equal(vq_transform_awq.run(&job, &e), VQ_OK);
    assert_int_equal(w->trials, POINTS);
    assert_non_null(job.map.scale);
    compare_errors(w, name, duo, job.map.scale);
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
