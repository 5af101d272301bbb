/* test_coverage.c -- angles between sums of x x^T against whole matrices in f64 loops and closed
 * forms; channels that one source alone excites; threads and cuts make no difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "base/rng.h"
#include "calib/calibrate.h"
#include "calib/coverage.h"
#include "calib_world.h"
#include "show.h"

enum { LENGTH = 33, SAMPLES = 12, SOURCES = 3, HALVES = 2 * SOURCES };

/* Whose half each sample is: source i % 3, halves by turns. */
static int half_of(int64_t i)
{
    return (int)(2 * (i % SOURCES) + i / SOURCES % 2);
}

static double normal(uint64_t seed, uint64_t at)
{
    const double u = vq_rng_unit(seed, 2 * at) + 0x1p-60, v = vq_rng_unit(seed, 2 * at + 1);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* SAMPLES samples [LENGTH][k]: each source lives in `rank` directions, of which it shares all but
 * some with the others. The first token of each sample is a large one. */
static float *made_inputs(int64_t k, int rank)
{
    float *x = malloc((size_t)(SAMPLES * LENGTH * k) * sizeof *x);
    assert_non_null(x);
    for (int64_t t = 0; t < SAMPLES * LENGTH; t++) {
        const uint64_t source = (uint64_t)(t / LENGTH % SOURCES);
        for (int64_t c = 0; c < k; c++) {
            double sum = t % LENGTH ? 0 : 100;
            for (uint64_t r = 0; r < (uint64_t)rank; r++)
                sum += normal(1, (uint64_t)t * 100 + r) *
                       normal(2 + (r < 3 ? source : 0), r * 10000 + (uint64_t)c);
            x[t * k + c] = (float)sum;
        }
    }
    return x;
}

typedef struct measured {
    vq_arena arena;
    vq_covered of;
} measured;

/* As the sweep does it: `cut` samples at a time. */
static void measure(measured *m, const float *x, int64_t k, int64_t length, int64_t cut)
{
    vq_err e = {0};
    vq_cover_sums s;
    vq_kernels kernels;
    int half[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) half[i] = half_of(i);
    assert_int_equal(vq_kernels_select(&kernels, NULL, false, &e), VQ_OK);
    vq_arena_init(&m->arena, NULL);
    assert_int_equal(vq_cover_new(&s, k, SOURCES, &m->arena, &e), VQ_OK);
    for (int64_t i = 0; i < SAMPLES; i += cut) {
        const vq_rows rows = {.x = x + i * length * k,
                              .samples = i + cut < SAMPLES ? cut : SAMPLES - i,
                              .length = length,
                              .width = k};
        assert_int_equal(vq_cover_add(&s, &kernels, &rows, half + i, &m->arena, &e), VQ_OK);
    }
    assert_int_equal(vq_cover_end(&s, &m->of, &m->arena, &e), VQ_OK);
}

/* sum of x x^T over the tokens of a half, first tokens left out. */
static double *whole_gram(const float *x, int64_t k, int half)
{
    double *gram = calloc((size_t)(k * k), sizeof *gram);
    assert_non_null(gram);
    for (int64_t t = 0; t < SAMPLES * LENGTH; t++)
        for (int64_t i = 0; i < k && t % LENGTH && half_of(t / LENGTH) == half; i++)
            for (int64_t j = 0; j < k; j++)
                gram[i * k + j] += (double)x[t * k + i] * (double)x[t * k + j];
    return gram;
}

static void whole_products(const float *x, int64_t k, double products[HALVES][HALVES])
{
    double *grams[HALVES];
    for (int i = 0; i < HALVES; i++) {
        grams[i] = whole_gram(x, k, i);
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t n = 0; n < k * k; n++) sum += grams[i][n] * grams[j][n];
            products[i][j] = products[j][i] = sum;
        }
    }
    for (int i = 0; i < HALVES; i++) free(grams[i]);
}

/* Of sums over the halves whose bits are set. */
static double product_of(double products[HALVES][HALVES], unsigned a, unsigned b)
{
    double sum = 0;
    for (int i = 0; i < HALVES; i++)
        for (int j = 0; j < HALVES; j++)
            if (a >> i & 1 && b >> j & 1) sum += products[i][j];
    return sum;
}

static double whole_angle(double products[HALVES][HALVES], unsigned a, unsigned b)
{
    const double norms = sqrt(product_of(products, a, a) * product_of(products, b, b));
    return acos(fmin(product_of(products, a, b) / norms, 1)) * 180 / M_PI;
}

static void against_whole(int64_t k, int rank, double within)
{
    double whole[HALVES][HALVES];
    float *x = made_inputs(k, rank);
    measured m;
    measure(&m, x, k, LENGTH, 5);
    whole_products(x, k, whole);
    for (int i = 0; i < SOURCES; i++) {
        const unsigned source = 3U << 2 * i, first = 1U << 2 * i, others = 63 & ~source;
        for (int j = 0; j < SOURCES; j++)
            assert_near(m.of.angles[i * SOURCES + j], whole_angle(whole, source, 3U << 2 * j),
                        within);
        assert_near(m.of.others[i], whole_angle(whole, source, others), within);
        assert_near(m.of.halves[i], whole_angle(whole, first, 2 * first), within);
        assert_gt(m.of.others[i], 10.0);
    }
    vq_arena_done(&m.arena);
    free(x);
}

static void test_exact_where_channels_have_a_bucket_each(void **state)
{
    (void)state;
    against_whole(5, 5, 1e-3);
    against_whole(VQ_COVER_BUCKETS, 8, 1e-3);
}

static void test_sketch(void **state)
{
    (void)state;
    against_whole(1024, 8, 3.0);
}

/* Inputs without any structure have the identity as their sum: every angle would be 0 with tokens
 * without end, and is acos(1 / (1 + k / tokens)) with few, for equally many of both. Without taking
 * squares out of the sketch, it would be acos of a number near 1. */
static void test_shared_buckets_do_not_pull_together(void **state)
{
    (void)state;
    enum { K = 2048 };
    float *x = malloc(sizeof *x * SAMPLES * LENGTH * K);
    assert_non_null(x);
    for (int64_t i = 0; i < SAMPLES * LENGTH * K; i++) x[i] = (float)normal(7, (uint64_t)i);
    measured m;
    measure(&m, x, K, LENGTH, SAMPLES);
    const int tokens = SAMPLES / SOURCES * (LENGTH - 1); /* of a source */
    const double want = acos(1 / (1 + (double)K / tokens)) * 180 / M_PI;
    for (int i = 0; i < SOURCES; i++)
        assert_near(m.of.angles[i * SOURCES + (i + 1) % SOURCES], want, 1.5);
    vq_arena_done(&m.arena);
    free(x);
}

/* Source 0 excites the first half of the channels, all alike, 1 the second, 2 both: 90 degrees
 * between the two, and between each and the third those of k/2 x k/2 ones in k x k, acos(1/2).
 * Channels that all go into buckets with one sign would add up there. */
static void test_channels_alike(void **state)
{
    (void)state;
    enum { K = 1024 };
    float *x = malloc(sizeof *x * SAMPLES * LENGTH * K);
    assert_non_null(x);
    for (int64_t i = 0; i < SAMPLES * LENGTH * K; i++) {
        const int64_t source = i / (LENGTH * K) % SOURCES, second = i % K >= K / 2;
        x[i] = source == 2 || source == second;
    }
    measured m;
    measure(&m, x, K, LENGTH, SAMPLES);
    assert_near(m.of.angles[1], 90.0, 3.0);
    assert_near(m.of.angles[2], 60.0, 8.0); /* one direction is what a sketch knows worst */
    assert_near(m.of.angles[SOURCES + 2], 60.0, 8.0);
    assert_near(m.of.halves[0], 0.0, 1e-3);
    assert_eq(m.of.alone[2], 0);
    vq_arena_done(&m.arena);
    free(x);
}

/* All channels are 1 in size but: 3 and 4 are 4 in source 1 alone, 5 only in one of its halves, 6 in
 * two sources, 7 is 4 times as large and too faint. */
static void test_channels_of_one_source(void **state)
{
    (void)state;
    enum { K = 300 };
    float *x = malloc(sizeof *x * SAMPLES * LENGTH * K);
    assert_non_null(x);
    for (int64_t t = 0; t < SAMPLES * LENGTH; t++) {
        const int half = half_of(t / LENGTH), source = half / 2;
        float *row = x + t * K;
        for (int c = 0; c < K; c++) row[c] = vq_rng_at(5, (uint64_t)(t * K + c)) & 1 ? 1 : -1;
        row[3] *= source == 1 ? 4 : 1;
        row[4] *= source == 1 ? 4 : 1;
        row[5] *= half == 3 ? 40 : 1;
        row[6] *= source ? 4 : 1;
        row[7] *= source == 2 ? 0.2F : 0.05F;
        row[8] *= source == 0 ? 0.5F : 0.05F;
    }
    measured m;
    measure(&m, x, K, LENGTH, 1);
    assert_eq(m.of.alone[0], 1);
    assert_eq(m.of.alone[1], 2);
    assert_eq(m.of.alone[2], 0);
    vq_arena_done(&m.arena);
    free(x);
}

static void same(const vq_covered *a, const vq_covered *b)
{
    assert_eq(a->k, b->k);
    for (int i = 0; i < SOURCES * (SOURCES + 2); i++) /* others and halves lie behind angles */
        assert_memory_equal(&a->angles[i], &b->angles[i], sizeof *a->angles);
    for (int i = 0; i < SOURCES; i++) assert_eq(a->alone[i], b->alone[i]);
}

static void test_threads_and_cuts(void **state)
{
    (void)state;
    const int before = omp_get_max_threads();
    float *x = made_inputs(700, 6);
    measured first, other;
    omp_set_num_threads(1);
    measure(&first, x, 700, LENGTH, SAMPLES);
    for (int threads = 1; threads <= 4; threads++) {
        omp_set_num_threads(threads);
        measure(&other, x, 700, LENGTH, threads);
        same(&first.of, &other.of);
        vq_arena_done(&other.arena);
    }
    omp_set_num_threads(before);
    vq_arena_done(&first.arena);
    free(x);
}

/* Samples of one token, which is left out; a source of zeros. */
static void test_no_angle(void **state)
{
    (void)state;
    static float x[SAMPLES * 2 * 8];
    measured m;
    for (int i = 0; i < SAMPLES * 2 * 8; i++) x[i] = i / 16 % SOURCES == 1 ? 0 : (float)(i % 7 - 3);
    measure(&m, x, 8, 1, 1);
    assert_true(isnan(m.of.angles[1]) && isnan(m.of.others[0]) && isnan(m.of.halves[2]));
    assert_eq(m.of.alone[0], 0);
    vq_arena_done(&m.arena);
    measure(&m, x, 8, 2, 1);
    assert_true(isnan(m.of.angles[1]) && isnan(m.of.others[1]) && isnan(m.of.halves[1]));
    assert_false(isnan(m.of.angles[2]) || isnan(m.of.others[0]) || isnan(m.of.halves[2]));
    vq_arena_done(&m.arena);
}

static vq_status drop(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    (void)ctx, (void)layer, (void)stats, (void)nstats, (void)e;
    return VQ_OK;
}

static void sweep(vq_coverage *c, const decoder_world *w, int64_t batch, bool gradients,
                  vq_arena *sweeps)
{
    static const int half[WORLD_SAMPLES] = {0, 2, 4, 1, 3};
    vq_err e = {0};
    const vq_samples samples = {.ids = w->ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    *c = (vq_coverage){.sources = SOURCES, .half = half, .arena = c->arena};
    const vq_calib_options o = {.needs = VQ_NEED_RANGE | (gradients ? VQ_NEED_FISHER : 0),
                                .spool_path = "/tmp",
                                .spool_bytes = SIZE_MAX,
                                .batch_tokens = batch,
                                .coverage = c};
    const vq_stats_sink sink = {.layer = drop};
    const vq_status s =
        gradients ? vq_calib_gradients(&w->exec, &samples, &o, 1, 3, &sink, NULL, sweeps, &e)
                  : vq_calib_forward(&w->exec, &samples, &o, &sink, NULL, sweeps, &e);
    if (s != VQ_OK) fail_msg("%s", e.text);
}

/* Both sweeps see the same inputs, in every cut; all inputs are there, first block first. */
static void test_sweeps(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_arena results, sweeps;
    vq_budget budget = {0};
    vq_arena_init(&results, NULL);
    vq_arena_init(&sweeps, &budget);
    vq_coverage first = {.arena = &results}, other = {.arena = &results};
    sweep(&first, &w, 1, false, &sweeps);
    assert_eq(first.ninputs, 12);
    assert_string_equal(first.inputs[4].name, "model.layers.1.self_attn.q_proj");
    assert_eq(first.inputs[4].layer, 1);
    assert_eq(first.inputs[7].k, w.config.ffn);
    for (int way = 0; way < 3; way++) {
        sweep(&other, &w, way * WORLD_TOKENS + 1, way > 0, &sweeps);
        for (int i = 0; i < first.ninputs; i++) same(&first.inputs[i], &other.inputs[i]);
    }
    assert_eq(budget.used, (size_t)0);
    vq_arena_done(&sweeps);
    vq_arena_done(&results);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_where_channels_have_a_bucket_each),
        cmocka_unit_test(test_sketch),
        cmocka_unit_test(test_shared_buckets_do_not_pull_together),
        cmocka_unit_test(test_channels_alike),
        cmocka_unit_test(test_channels_of_one_source),
        cmocka_unit_test(test_threads_and_cuts),
        cmocka_unit_test(test_no_angle),
        cmocka_unit_test(test_sweeps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
