/* test_round_learned.c -- the rounder learned: its start is what the rounder named by `init` makes
 * with the same options. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "quant/round/learn.h"
#include "quant/rounder.h"
#include "show.h"

enum { ROWS = 24, COLS = 64 };

typedef struct world {
    vq_arena arena;
    vq_kernels kernels;
    float w[ROWS * COLS], hessian[COLS * COLS];
    vq_stats stats;
} world;

static void open_world(world *w)
{
    vq_err e;
    *w = (world){0};
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, true, &e), VQ_OK);
    for (int i = 0; i < ROWS * COLS; i++) w->w[i] = (float)vq_rng_unit(1, (uint64_t)i) - 0.5F;
    for (int i = 0; i < COLS; i++)
        for (int j = 0; j < COLS; j++)
            w->hessian[i * COLS + j] = (i == j ? 2.0F : 0.0F) + 3.0F / (float)(1 + i + j);
    w->stats = (vq_stats){.name = "made up",
                          .k = COLS,
                          .tokens = 100,
                          .samples = 1,
                          .hessian = w->hessian,
                          .gathered = VQ_NEED_HESSIAN};
}

/* Codes and scales by `rounder` with options "a=b c=d". */
static void round_with(world *w, const char *rounder, const char *options, vq_qtensor *q)
{
    vq_err e;
    vq_option_set s;
    const vq_rounder *r = vq_rounder_find(rounder);
    static char text[8][96];
    int n = 0;
    vq_option_defaults(&s, r->options);
    for (const char *p = options; *p; n++) {
        const size_t len = strcspn(p, " ");
        memcpy(text[n], p, len);
        text[n][len] = 0;
        char *value = strchr(text[n], '=');
        *value++ = 0;
        assert_int_equal(vq_option_parse(&s, text[n], value, &e), VQ_OK);
        p += len + (p[len] == ' ');
    }
    const vq_num *num = &vq_scheme_find("nvfp4a16", NULL)->weight;
    assert_int_equal(vq_qtensor_new(q, num, ROWS, COLS, &w->arena, &e), VQ_OK);
    vq_round_job job = {.kernels = &w->kernels,
                        .options = &s,
                        .stats = &w->stats,
                        .global_scale = vq_global_scale_from_amax(num, 0.5F, VQ_F32),
                        .arith = VQ_F32,
                        .scratch = &w->arena};
    if (r->run(&job, w->w, q, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_gt(job.signal, 0);
    assert_gt(job.noise, 0);
}

static void check_same(const char *init, const char *learned, const char *options)
{
    static world w;
    vq_qtensor a, b;
    open_world(&w);
    round_with(&w, "learned", learned, &a);
    round_with(&w, init, options, &b);
    assert_memory_equal(a.codes, b.codes, ROWS * COLS);
    assert_memory_equal(a.scale, b.scale, (size_t)a.groups * sizeof *a.scale);
    vq_arena_done(&w.arena);
}

static void test_starts(void **state)
{
    (void)state;
    check_same("gptq", "", "");
    check_same("gptq", "damp=0.5 order=original scales=plain",
               "damp=0.5 order=original scales=plain");
    check_same("gptq", "order=original refit=true", "order=original refit=true");
    check_same("rtn", "init=rtn", "");
    check_same("mse", "init=mse search=expanded", "search=expanded");
    check_same("mse", "init=mse weigh=input", "weigh=input");
}

static unsigned needs(const char *name, const char *value, const char *init)
{
    vq_option_set s;
    vq_err e;
    vq_option_defaults(&s, vq_round_learned.options);
    assert_int_equal(vq_option_parse(&s, "init", init, &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, name, value, &e), VQ_OK);
    return vq_round_learned.needs(&s);
}

static void test_needs(void **state)
{
    (void)state;
    assert_int_equal(needs("curvature", "input", "gptq"), VQ_NEED_HESSIAN);
    assert_int_equal(needs("curvature", "kronecker", "gptq"), VQ_NEED_FISHER | VQ_NEED_OUTPUT);
    assert_int_equal(needs("curvature", "kronecker", "rtn"), 0);
    assert_true(vq_round_learned.block && !vq_round_gptq.block);
}

static void test_options(void **state)
{
    (void)state;
    vq_option_set s;
    vq_err e;
    vq_option_defaults(&s, vq_round_learned.options);
    vq_learn_options o = vq_learn_options_of(&s);
    assert_eq(o.steps, 50);
    assert_eq(o.tokens, 512);
    assert_eq(o.clip_rate, 0);
    assert_eq(o.momentum, 0.9);
    assert_near(o.rate, 0.0025, 1e-12);
    assert_int_equal(vq_option_parse(&s, "rate", "0.5", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, "clip_rate", "0.25", &e), VQ_OK);
    o = vq_learn_options_of(&s);
    assert_eq(o.rate, 0.5);
    assert_eq(o.clip_rate, 0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_starts), cmocka_unit_test(test_needs),
                                       cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
