/* test_awq.c -- which points of the grid are tried, with which weights, and which one is kept (the
 * peer's own scales: tests/golden). */
#include "show.h"
#include "transform_world.h"

enum { K = 64, N = 24, TOKENS = 20, MOST_TRIALS = 64 };

/* A trial that remembers its weights, and says what it is told to. */
typedef struct group {
    transform_world w;
    vq_scheme scheme, dense;
    float *weight[2], *seen[MOST_TRIALS][2];
    vq_stats stats;
    vq_consumer consumers[2];
    int trials,
        best; /* the trial with the least error, and one after it that is as good; -1: all alike */
    double error; /* of the others */
} group;

static vq_status trial(void *ctx, const float *const *w, double *mse, vq_err *e)
{
    group *g = ctx;
    for (int c = 0; c < 2; c++) {
        g->seen[g->trials][c] = VQ_ALLOC(&g->w.arena, float, N *K, "seen", e);
        memcpy(g->seen[g->trials][c], w[c], sizeof(float) * N * K);
    }
    *mse = g->trials == g->best || (g->best >= 0 && g->trials == g->best + 1) ? 0.5 : g->error;
    g->trials++;
    return VQ_OK;
}

static void open_group(group *g, const char *scheme)
{
    vq_scheme buf;
    memset(g, 0, sizeof *g);
    world_open(&g->w);
    g->scheme = *vq_scheme_find(scheme, &buf);
    g->best = -1;
    g->error = 1;
    g->stats = world_stats(&g->w, world_inputs(&g->w, TOKENS, K, 1), TOKENS, K);
    for (int c = 0; c < 2; c++) {
        g->weight[c] = world_matrix(&g->w, N, K, 5 + (uint64_t)c);
        g->consumers[c] =
            (vq_consumer){.name = c ? "b" : "a", .w = g->weight[c], .n = N, .scheme = &g->scheme};
        g->consumers[c].global_scale = vq_global_scale_from_amax(&g->scheme.weight, 30, VQ_F32);
    }
}

static vq_status run(group *g, vq_producer producer, const char *option, const char *value,
                     vq_input_map *map)
{
    const vq_option_set o = world_options(&vq_transform_awq, option, value);
    vq_transform_job job = {
        .kernels = &g->w.kernels,
        .options = &o,
        .stats = &g->stats,
        .scheme = &g->scheme,
        .consumers = g->consumers,
        .nconsumers = 2,
        .producer = producer,
        .trial = trial,
        .trial_ctx = g,
        .arith = VQ_F32,
        .arena = &g->w.arena,
        .scratch = &g->w.scratch,
    };
    g->trials = 0;
    const vq_status s = vq_transform_awq.run(&job, &g->w.err);
    *map = job.map;
    return s;
}

static const vq_producer norm = {.kind = VQ_PRODUCER_NORM};

/* Scales of a point by the formula; weights grouped by `width`. */
static void formula(const group *g, int64_t width, double ratio, bool duo, double *scale)
{
    double most = 0, least = INFINITY;
    for (int64_t i = 0; i < K; i++) {
        double mean = 0;
        for (int r = 0; r < 2 * N; r++) {
            const float *row = g->weight[r / N] + r % N * K;
            double peak = 0;
            for (int64_t j = i / width * width; j < i / width * width + width; j++)
                peak = fmax(peak, fabs((double)row[j]));
            mean += fabs((double)row[i]) / (peak + 1e-6) / (2 * N);
        }
        scale[i] =
            fmax(pow(g->stats.abs_sum[i] / TOKENS, ratio) / (duo ? pow(mean, 1 - ratio) + 1e-4 : 1),
                 1e-4);
        most = fmax(most, scale[i]);
        least = fmin(least, scale[i]);
    }
    for (int64_t i = 0; i < K; i++) scale[i] /= sqrt(most * least);
}

static void check_point(group *g, const char *duo, int which, double ratio, bool with_weights)
{
    vq_input_map m;
    double want[K];
    g->best = which;
    assert_int_equal(run(g, norm, "duo", duo, &m), VQ_OK);
    assert_int_equal(g->trials, 20);
    formula(g, 32, ratio, with_weights, want);
    for (int i = 0; i < K; i++)
        assert_near(m.scale[i], want[i], 1e-5 * want[i]); /* the first of two equals */
}

static void test_grid(void **state)
{
    (void)state;
    group g;
    open_group(&g, "int4-g32");
    check_point(&g, "true", 1, 0, true);
    check_point(&g, "true", 10, 0.5, true);
    check_point(&g, "false", 5, 5.0 / 19, false);
    check_point(&g, "both", 7, 3.0 / 9, true);
    check_point(&g, "both", 8, 4.0 / 9, false);
    vq_input_map m;
    g.best = -1;
    assert_int_equal(run(&g, norm, NULL, NULL, &m), VQ_OK);
    assert_null(m.scale); /* no point is better than no scaling */
    assert_int_equal(run(&g, norm, "grid", "7", &m), VQ_OK);
    assert_int_equal(g.trials, 7);
    world_close(&g.w);
}

/* What a trial sees is the weight, scaled, rounded under a second-level scale that fits, and scaled
 * back. */
static void test_candidates(void **state)
{
    (void)state;
    group g;
    vq_input_map m;
    open_group(&g, "nvfp4");
    g.best = 13;
    assert_int_equal(run(&g, norm, NULL, NULL, &m), VQ_OK);
    float peak = 0, *scaled[2];
    for (int c = 0; c < 2; c++) {
        scaled[c] = VQ_ALLOC(&g.w.arena, float, N *K, "scaled", &g.w.err);
        for (int i = 0; i < N * K; i++) {
            scaled[c][i] = g.weight[c][i] * m.scale[i % K];
            peak = fmaxf(peak, fabsf(scaled[c][i]));
        }
    }
    for (int c = 0; c < 2; c++) {
        vq_qtensor q;
        float back[N * K];
        assert_int_equal(vq_qtensor_new(&q, &g.scheme.weight, N, K, &g.w.arena, &g.w.err), VQ_OK);
        const vq_global_scale global_scale =
            vq_global_scale_from_amax(&g.scheme.weight, peak, VQ_F32); /* of both: they share it */
        assert_int_equal(vq_quantize_ref(&q, scaled[c], global_scale, VQ_F32, &g.w.err), VQ_OK);
        vq_dequantize_ref(&q, 0, N, back);
        for (int i = 0; i < N * K; i++)
            assert_float_equal(g.seen[13][c][i], back[i] / m.scale[i % K], 1e-6);
    }
    world_close(&g.w);
}

/* Heads that share values share scales. */
static void test_shared_values(void **state)
{
    (void)state;
    group g;
    vq_input_map m;
    open_group(&g, "int4-g32");
    g.best = 15;
    assert_int_equal(
        run(&g, (vq_producer){.kind = VQ_PRODUCER_VALUES, .heads = 8, .kv_heads = 2, .head_dim = 8},
            NULL, NULL, &m),
        VQ_OK);
    for (int i = 0; i < K; i++) assert_eq(m.scale[i], m.scale[i / 32 * 32 + i % 8]);
    assert_ne(m.scale[0], m.scale[1]);
    assert_ne(m.scale[0], m.scale[32]);
    world_close(&g.w);
}

static void test_dense_members_stay(void **state)
{
    (void)state;
    group g;
    vq_input_map m;
    open_group(&g, "int4-g32");
    g.consumers[1].scheme = &g.dense;
    assert_int_equal(run(&g, norm, NULL, NULL, &m), VQ_OK);
    for (int i = 0; i < N * K; i++) assert_float_equal(g.seen[9][1][i], g.weight[1][i], 1e-5);
    world_close(&g.w);
}

static void test_refusals(void **state)
{
    (void)state;
    group g;
    vq_input_map m;
    open_group(&g, "int4-g32");
    assert_int_equal(run(&g, (vq_producer){.kind = VQ_PRODUCER_NONE}, NULL, NULL, &m), VQ_OK);
    assert_true(!m.scale);
    assert_eq(g.trials, 0);
    g.error = NAN;
    assert_int_equal(run(&g, norm, NULL, NULL, &m), VQ_E_NUMERIC);
    vq_option_set o = world_options(&vq_transform_awq, NULL, NULL);
    assert_int_equal(vq_option_parse(&o, "grid", "3", &g.w.err), VQ_E_RECIPE);
    assert_int_equal(vq_transform_awq.needs(&o), VQ_NEED_MEAN);
    assert_true(vq_transform_awq.trials && vq_transform_awq.weights);
    assert_int_equal(vq_transform_awq.applies(&o, &g.dense, K, &g.w.err), VQ_E_RECIPE);
    g.stats.abs_sum = NULL;
    assert_int_equal(run(&g, norm, NULL, NULL, &m), VQ_E_BUG);
    world_close(&g.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),          cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_shared_values), cmocka_unit_test(test_dense_members_stay),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
