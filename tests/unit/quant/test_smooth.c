/* test_smooth.c -- closed forms of the scales, what the options change, and that scaled inputs and
 * weights give the same product. */
#include "base/exchange/edit.h"
#include "show.h"
#include "transform_world.h"

enum { K = 64, N = 24, TOKENS = 20 };

typedef struct group {
    transform_world w;
    vq_scheme scheme;
    const double *x;
    float *weight[2];
    vq_stats stats;
    vq_consumer consumers[2];
} group;

static void open_group(group *g)
{
    vq_scheme buf;
    world_open(&g->w);
    g->scheme = *vq_scheme_find("int8", &buf);
    g->x = world_inputs(&g->w, TOKENS, K, 1);
    g->stats = world_stats(&g->w, g->x, TOKENS, K);
    for (int c = 0; c < 2; c++) {
        g->weight[c] = world_matrix(&g->w, N, K, 5 + (uint64_t)c);
        for (int r = 0; r < N; r++) g->weight[c][r * K + 9] = 0; /* a column of zeros */
        g->consumers[c] =
            (vq_consumer){.name = "c", .w = g->weight[c], .n = N, .scheme = &g->scheme};
    }
}

static float *scales_of(group *g, vq_producer producer, const char *option, const char *value)
{
    const vq_option_set o = world_options(&vq_transform_smooth, option, value);
    vq_transform_job job = {
        .kernels = &g->w.kernels,
        .options = &o,
        .stats = &g->stats,
        .scheme = &g->scheme,
        .consumers = g->consumers,
        .nconsumers = 2,
        .producer = producer,
        .arena = &g->w.arena,
        .scratch = &g->w.scratch,
    };
    assert_int_equal(vq_transform_smooth.run(&job, &g->w.err), VQ_OK);
    assert_true(!job.map.order && !job.map.hadamard && !job.map.s);
    return job.map.scale;
}

static double input_range(const group *g, int i)
{
    return (double)g->stats.max[i] - (double)g->stats.min[i];
}

static double weight_range(const group *g, int i)
{
    double most = 0;
    for (int r = 0; r < 2 * N; r++)
        most = fmax(most, fabs((double)g->weight[r / N][r % N * K + i]));
    return 2 * most;
}

static double input_square(const group *g, int i)
{
    double sum = 0;
    for (int t = 0; t < TOKENS; t++) sum += g->x[t * K + i] * g->x[t * K + i] / TOKENS;
    return sum;
}

static double weight_square(const group *g, int i)
{
    double sum = 0;
    for (int r = 0; r < 2 * N; r++) sum += pow((double)g->weight[r / N][r % N * K + i], 2);
    return sum;
}

static void test_strength(void **state)
{
    (void)state;
    static const char *const strengths[] = {"0", "0.25", "0.5", "1"};
    group g;
    open_group(&g);
    for (int s = 0; s < 4; s++) {
        const double alpha = strtod(strengths[s], NULL);
        const float *scale =
            scales_of(&g, (vq_producer){.kind = VQ_PRODUCER_NORM}, "strength", strengths[s]);
        for (int i = 0; i < K; i++) {
            const double w = weight_range(&g, i), a = input_range(&g, i),
                         want = w > 0 ? pow(a, alpha) * pow(w, alpha - 1) : a;
            assert_near(scale[i], want, 1e-6 * want);
        }
    }
    world_close(&g.w);
}

static void test_log_equalization(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    const float *scale =
        scales_of(&g, (vq_producer){.kind = VQ_PRODUCER_ROWS}, "log_equalization", "true");
    for (int i = 0; i < K; i++)
        assert_near(scale[i], input_range(&g, i) / log2(2 + input_range(&g, i)), 1e-5);
    world_close(&g.w);
}

/* Rotated blocks spread the noise of input and of weights evenly: their product, sum of x^2 / s^2
 * times sum of w^2 s^2, is least where it is (sum of |x| |w|)^2 (Cauchy-Schwarz). The column of
 * zeros is left out. */
static void test_by_hessian(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    const float *scale = scales_of(&g, (vq_producer){.kind = VQ_PRODUCER_NORM}, "by", "hessian");
    double input = 0, weight = 0, least = 0;
    for (int i = 0; i < K; i++) {
        const double x2 = input_square(&g, i), w2 = weight_square(&g, i);
        if (i == 9) continue;
        input += x2 / pow((double)scale[i], 2);
        weight += w2 * pow((double)scale[i], 2);
        least += sqrt(x2 * w2);
    }
    assert_near(input * weight, least * least, 1e-5 * least * least);
    world_close(&g.w);
}

static void test_shared_by_hessian(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    const vq_producer values = {
        .kind = VQ_PRODUCER_VALUES, .heads = 8, .kv_heads = 2, .head_dim = 8};
    const float *scale = scales_of(&g, values, "by", "hessian");
    for (int i = 0; i < K; i++) {
        double x2 = 0, w2 = 0;
        for (int h = i / 32 * 4; h < i / 32 * 4 + 4; h++) {
            x2 += input_square(&g, h * 8 + i % 8);
            w2 += weight_square(&g, h * 8 + i % 8);
        }
        assert_near(scale[i], pow(x2 / w2, 0.25), 1e-5);
    }
    world_close(&g.w);
}

/* A channel that is always the same has no range, one that is always zero no mean square: both are
 * left alone. */
static void test_floor(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    g.stats.min[3] = g.stats.max[3] = 0.5F;
    const vq_producer norm = {.kind = VQ_PRODUCER_NORM};
    assert_eq(scales_of(&g, norm, NULL, NULL)[3], 1);
    assert_eq(scales_of(&g, norm, "log_equalization", "true")[3], 1);
    g.stats.hessian[3 * K + 3] = 0;
    assert_eq(scales_of(&g, norm, "by", "hessian")[3], 1);
    world_close(&g.w);
}

static void test_product_is_kept(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    const float *scale = scales_of(&g, (vq_producer){.kind = VQ_PRODUCER_NORM}, NULL, NULL);
    const double *want = world_product(&g.w, g.x, g.weight[0], TOKENS, N, K);
    double *x = VQ_ALLOC(&g.w.arena, double, TOKENS *K, "x", &g.w.err);
    for (int i = 0; i < TOKENS * K; i++) x[i] = g.x[i] / (double)scale[i % K];
    const vq_edit d = {
        .tensor = "w", .kind = VQ_EDIT_SCALE, .side = VQ_EDIT_COLS, .scale = scale, .n = K};
    assert_int_equal(vq_edit_apply(&d, g.weight[0], N, K, &g.w.scratch, &g.w.err), VQ_OK);
    const double *got = world_product(&g.w, x, g.weight[0], TOKENS, N, K);
    for (int i = 0; i < TOKENS * N; i++) assert_near(got[i], want[i], 2e-4);
    world_close(&g.w);
}

/* Eight heads over two heads of values: channels that come from one row have one scale, made from
 * the widest of them. */
static void test_shared_values(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    const vq_producer values = {
        .kind = VQ_PRODUCER_VALUES, .heads = 8, .kv_heads = 2, .head_dim = 8};
    const float *scale = scales_of(&g, values, NULL, NULL);
    for (int i = 0; i < K; i++) {
        double a = 0, w = 0;
        for (int h = i / 32 * 4; h < i / 32 * 4 + 4; h++) {
            a = fmax(a, input_range(&g, h * 8 + i % 8));
            w = fmax(w, weight_range(&g, h * 8 + i % 8));
        }
        assert_near(scale[i], sqrt(a / w), 1e-5);
        assert_eq(scale[i], scale[i / 32 * 32 + i % 8]);
    }
    world_close(&g.w);
}

static void test_nobody_absorbs(void **state)
{
    (void)state;
    group g;
    open_group(&g);
    assert_null(scales_of(&g, (vq_producer){.kind = VQ_PRODUCER_NONE}, NULL, NULL));
    vq_option_set o = world_options(&vq_transform_smooth, NULL, NULL);
    assert_int_equal(vq_option_parse(&o, "strength", "1.5", &g.w.err), VQ_E_RECIPE);
    assert_int_equal(vq_transform_smooth.needs(&o), VQ_NEED_RANGE);
    g.stats.min = NULL;
    vq_transform_job job = {
        .options = &o, .stats = &g.stats, .producer = {.kind = VQ_PRODUCER_NORM}};
    assert_int_equal(vq_transform_smooth.run(&job, &g.w.err), VQ_E_BUG);
    o = world_options(&vq_transform_smooth, "by", "hessian");
    assert_int_equal(vq_transform_smooth.needs(&o), VQ_NEED_HESSIAN);
    g.stats.hessian = NULL;
    assert_int_equal(vq_transform_smooth.run(&job, &g.w.err), VQ_E_BUG);
    world_close(&g.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strength),      cmocka_unit_test(test_log_equalization),
        cmocka_unit_test(test_floor),         cmocka_unit_test(test_product_is_kept),
        cmocka_unit_test(test_shared_values), cmocka_unit_test(test_nobody_absorbs),
        cmocka_unit_test(test_by_hessian),    cmocka_unit_test(test_shared_by_hessian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
