/* test_plan_time.c -- what a plan counts, against the multiply-adds of tiny-llama's shapes worked
 * out by hand; memory of statistics; rates. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "plan/cost/budget.h"
#include "plan/cost/rates.h"
#include "plan_world.h"
#include "quant/round/tiled_cholesky.h"
#include "show.h"

#define RECIPE                                                                                     \
    "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\ncalib: {data: self, samples: 3, seqlen: 64, "    \
    "propagate: %s}\n"                                                                             \
    "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n  - {match: {name: [\"*embed*\"]}, "     \
    "use: keep, optional: true}\n"                                                                 \
    "passes:\n%s  - {do: round, method: %s}\noutput: {format: vq}\n"

/* tiny-llama: 4 blocks of hidden 128, 4 heads and 2 key heads of 32, ffn 256; vocabulary 512. q, k,
 * v, o, gate, up, down as [n][k]: */
static const double layers = 4, vocab = 512, tokens = 3 * 64, keys = (64 + 64) / 2;
static const int shapes[7][2] = {{128, 128}, {64, 128},  {64, 128}, {128, 128},
                                 {256, 128}, {256, 128}, {128, 256}};

typedef struct planned {
    plan_world p;
    vq_cost cost[VQ_STAGES];
} planned;

static void plan_make(planned *t, const char *propagate, const char *passes, const char *round)
{
    char text[1024];
    snprintf(text, sizeof text, RECIPE, propagate, passes, round);
    plan_world_start(&t->p, NULL);
    must(&t->p, plan_world_make(&t->p, TINY, text));
    vq_schedule_costs(&t->p.schedule, &t->p.job, t->cost);
}

/* The same plan with data or statistics at hand. */
static const vq_calib_source text = {.kind = VQ_KIND_TEXT, .path = "text"};

static void give(planned *t, vq_given given)
{
    must(&t->p, vq_schedule_make(&t->p.schedule, &t->p.plan, given, &t->p.arena, &t->p.err));
    vq_schedule_costs(&t->p.schedule, &t->p.job, t->cost);
}

static double linears(void)
{
    double macs = 0;
    for (int i = 0; i < 7; i++) macs += shapes[i][0] * shapes[i][1];
    return macs;
}

static double triangle(double n)
{
    return n * (n + 1) / 2;
}

/* Scores, and their product with the values. */
static double attention(void)
{
    return 2 * keys * 128;
}

static void forward_statistics(void **state)
{
    (void)state;
    planned t;
    plan_make(&t, "original", "", "gptq, curvature: input, order: original");
    const vq_cost *s = &t.cost[VQ_STAGE_STATISTICS], *r = &t.cost[VQ_STAGE_ROUNDING];
    assert_eq(s->products, layers * tokens * linears());
    assert_eq(s->tiles, layers * tokens * attention());
    assert_eq(s->outer, layers * tokens * (3 * triangle(128) + triangle(256)));
    assert_eq(t.cost[VQ_STAGE_GRADIENTS].products, 0);
    assert_eq(t.cost[VQ_STAGE_TRANSFORMS].products, 0);
    assert_eq(r->rounded, layers * linears());
    double feedback = 0;
    for (int i = 0; i < 7; i++) feedback += layers * shapes[i][0] * shapes[i][1] * shapes[i][1] / 2;
    const vq_tiles stream = vq_tiles_shape(128), gated = vq_tiles_shape(256);
    const double factors =
        layers * (3 * vq_tiles_macs(&stream) +
                  vq_tiles_macs(&gated)); /* one for each input, not for each weight */
    assert_eq(r->tiles, feedback);
    assert_near(r->factors, factors, 1e-9 * factors);
    /* the model's own text: every token once through the model, half of the keys on average, and
     * the head */
    assert_eq(t.cost[VQ_STAGE_TEXT].products, layers * tokens * linears() + tokens * vocab * 128);
    give(&t, (vq_given){.data = {&text, 1}});
    assert_eq(t.cost[VQ_STAGE_TEXT].products, 0);
    assert_gt(t.cost[VQ_STAGE_STATISTICS].products, 0);
    give(&t, (vq_given){.statistics = true});
    assert_eq(t.cost[VQ_STAGE_TEXT].products, 0);
    assert_eq(t.cost[VQ_STAGE_STATISTICS].products, 0);
    plan_world_close(&t.p);
}

/* Quantized propagation runs all blocks but the last once more. */
static void twice(void **state)
{
    (void)state;
    planned t;
    plan_make(&t, "quantized", "", "gptq, curvature: input");
    assert_eq(t.cost[VQ_STAGE_STATISTICS].products, (2 * layers - 1) * tokens * linears());
    plan_world_close(&t.p);
}

/* Forwards, forwards once more and back: a linear's products three times, those of the attention
 * four times. */
static void gradients(void **state)
{
    (void)state;
    planned t;
    plan_make(&t, "original", "", "gptq, curvature: kronecker");
    const vq_cost *g = &t.cost[VQ_STAGE_GRADIENTS], *r = &t.cost[VQ_STAGE_ROUNDING];
    assert_eq(g->products, layers * tokens * 3 * linears() + 2 * tokens * vocab * 128);
    assert_eq(g->tiles, layers * tokens * 4 * attention());
    double outer = 0, feedback = 0;
    for (int i = 0; i < 7; i++) {
        outer += layers * tokens * (triangle(shapes[i][0]) + triangle(shapes[i][1]));
        feedback += layers * shapes[i][0] * shapes[i][1] *
                    (shapes[i][0] + shapes[i][1]); /* order auto: two walks */
    }
    assert_eq(g->outer, outer);
    assert_eq(r->tiles, feedback);
    assert_eq(t.cost[VQ_STAGE_STATISTICS].products, 0);
    assert_ge(g->hashed, 3 * layers * 4 * 6 * 128 * 128);
    plan_world_close(&t.p);
}

/* awq: twenty candidates for each of the four groups of a block, all samples through the block. */
static void trials(void **state)
{
    (void)state;
    planned t;
    plan_make(&t, "original", "  - {do: awq}\n", "rtn");
    assert_eq(t.cost[VQ_STAGE_TRANSFORMS].products, 20 * 4 * layers * tokens * linears());
    assert_eq(t.cost[VQ_STAGE_TRANSFORMS].rounded, 20 * layers * linears());
    assert_eq(t.cost[VQ_STAGE_ROUNDING].tiles, 0);
    assert_eq(t.cost[VQ_STAGE_ROUNDING].factors, 0);
    plan_world_close(&t.p);
}

/* Bands of 64: one tile; two on the diagonal and one below; in the large the n^3 / 6 of the
 * textbook. */
static void factors(void **state)
{
    (void)state;
    const double cube = 64.0 * 64 * 64;
    const vq_tiles one = vq_tiles_shape(64), two = vq_tiles_shape(65),
                   large = vq_tiles_shape(28672);
    assert_eq(vq_tiles_macs(&one), cube / 2);
    assert_eq(vq_tiles_macs(&two), 3 * cube);
    const double book = pow(28672, 3) / 6;
    assert_gt(vq_tiles_macs(&large), book);
    assert_lt(vq_tiles_macs(&large), 1.06 * book);
}

static void seconds(void **state)
{
    (void)state;
    const vq_cost c = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const vq_rates r = {2, 2, 2, 2, 2, 2, 2, 2, 2};
    const double counted = 22.5, told = vq_cost_seconds(&c, &r);
    assert_ge(told, counted);
    assert_le(told, 1.2 * counted);
}

static void memory_of_statistics(void **state)
{
    (void)state;
    planned t;
    plan_make(&t, "original", "", "gptq, curvature: kronecker");
    const uint64_t vectors = 5 * sizeof(float) * (3 * 128 + 256);
    uint64_t factor = 0;
    for (int i = 0; i < 7; i++)
        factor += (uint64_t)(shapes[i][0] * shapes[i][0] + shapes[i][1] * shapes[i][1]);
    assert_int_equal(vq_statistics_bytes(&t.p.plan, VQ_NEED_HESSIAN),
                     4 * (3 * 128 * 128 + 256 * 256) + vectors);
    assert_int_equal(vq_statistics_bytes(&t.p.plan, VQ_NEED_FISHER | VQ_NEED_OUTPUT),
                     4 * factor + vectors);
    /* what the sweep of gradients takes falls away with statistics at hand */
    const uint64_t all = vq_schedule_bytes(&t.p.schedule, &t.p.job);
    give(&t, (vq_given){.data = {&text, 1}, .statistics = true});
    assert_lt(vq_schedule_bytes(&t.p.schedule, &t.p.job), all);
    plan_world_close(&t.p);
}

static void rates(void **state)
{
    static const char *const rounders[] = {"rtn", "mse", "gptq, curvature: kronecker",
                                           "learned, curvature: input"};
    (void)state;
    const int threads = omp_get_max_threads();
    for (size_t i = 0; i < sizeof rounders / sizeof rounders[0]; i++) {
        planned t;
        vq_err e;
        vq_rates r;
        plan_make(&t, "original", "", rounders[i]);
        assert_int_equal(vq_rates_measure(&r, &t.p.plan, &t.p.job, &e), VQ_OK);
        const double all[] = {r.products, r.plain,   r.outer,   r.tiles, r.factors,
                              r.values,   r.decoded, r.rounded, r.hashed};
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            assert_gt(all[j], 0);
            assert_true(isfinite(all[j]));
        }
        assert_int_equal(omp_get_max_threads(), threads);
        plan_world_close(&t.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_statistics),
        cmocka_unit_test(twice),
        cmocka_unit_test(gradients),
        cmocka_unit_test(trials),
        cmocka_unit_test(factors),
        cmocka_unit_test(seconds),
        cmocka_unit_test(memory_of_statistics),
        cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
