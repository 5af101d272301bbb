/* test_round_gptq.c -- the rounder against closed forms, brute force and its own objective; what
 * every option does; fallbacks, refusals, memory; the same bytes for every number of threads. */
#include "gptq_world.h"
#include "show.h"

#include <omp.h>
#include <stdio.h>

static const vq_rounder *const gptq = &vq_round_gptq;

static void make_identity(float *h, int64_t k, float value)
{
    memset(h, 0, (size_t)(k * k) * sizeof *h);
    for (int64_t i = 0; i < k; i++) h[i * k + i] = value;
}

/* Nothing to make up for: rounding to nearest, in every format. */
static void identity_is_rtn(void **state)
{
    static const char *const presets[] = {
        "nvfp4",         "mxfp4",          "mxfp8",     "int4-g32", "int2-g16", "int8",
        "int3-g32-asym", "int4-chan-asym", "fp8-block", "bfp12-32", "fp8",      "fp8-static"};
    (void)state;
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        world o;
        world_init(&o, gptq, 70, 160, 5);
        const vq_num num = world_num(&o, presets[i]);
        make_identity(o.stats.hessian, o.k, 3);
        const vq_qtensor plain = world_round(&o, &vq_round_rtn, &num);
        for (int order = 0; order < 2; order++) {
            world_set(&o, "scales", "plain");
            world_set(&o, "order", order ? "activation" : "original");
            const vq_qtensor q = world_round(&o, gptq, &num);
            assert_true(same_codes(&q, &plain));
            assert_null(o.job.fallback);
        }
        world_done(&o);
    }
}

/* Two columns, one scale: the second target is w_2 + (w_1 - q_1) h_12 / h_22'. */
static void closed_form(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 1, 16, 5);
    vq_num num = world_num(&o, "int4-g16");
    num.scale = VQ_SCALE_F32;
    make_identity(o.stats.hessian, 16, 2);
    o.stats.hessian[1] = o.stats.hessian[16] = 1.5F;
    memset(o.w, 0, 16 * sizeof *o.w);
    o.w[0] = 1.4F, o.w[1] = 2.2F, o.w[15] = 7.5F; /* scale 1 */
    world_set(&o, "scales", "plain");
    world_set(&o, "order", "original");
    const vq_qtensor q = world_round(&o, gptq, &num);
    assert_eq(q.scale[0], 1);
    assert_int_equal(q.codes[0], 1);
    assert_int_equal(q.codes[1], 2); /* 2.2 + 0.4 * 1.5 / 2.02 = 2.497 */
    o.w[1] = 2.21F;
    assert_int_equal(world_round(&o, gptq, &num).codes[1], 3); /* 2.507 */
    world_done(&o);
}

/* Of all 4^6 ways to code a 2 x 3 matrix none is better than the best; rounding with feedback comes
 * near it, to nearest does not. */
static double brute_force(world *o, const vq_qtensor *scaled)
{
    vq_qtensor q = *scaled;
    uint8_t codes[6];
    double best = INFINITY;
    q.codes = codes;
    for (int all = 0; all < 4096; all++) {
        const vq_arena_mark mark = vq_arena_here(&o->arena);
        for (int i = 0; i < 6; i++) codes[i] = (uint8_t)(all >> (2 * i) & 3);
        best = fmin(best, world_error(o, &q, o->curvature.output, o->curvature.input));
        vq_arena_rewind(&o->arena, mark);
    }
    return best;
}

static void near_brute_force(void **state)
{
    (void)state;
    double best = 0, nearest = 0, feedback = 0;
    for (uint32_t seed = 1; seed <= 30; seed++) {
        world o;
        world_init(&o, gptq, 2, 3, seed);
        const vq_num num = world_num(&o, "int2-chan");
        const vq_qtensor plain = world_round(&o, &vq_round_rtn, &num);
        world_set(&o, "curvature", "kronecker");
        world_set(&o, "scales", "plain");
        world_set(&o, "damp", "0.0001");
        const vq_qtensor q = world_round(&o, gptq, &num);
        const double least = brute_force(&o, &q),
                     got = world_error(&o, &q, o.curvature.output, o.curvature.input);
        assert_ge(got, least * (1 - 1e-9));
        best += least;
        feedback += got;
        nearest += world_error(&o, &plain, o.curvature.output, o.curvature.input);
        world_done(&o);
    }
    print_message("2 x 3 matrices: best possible %.3f, feedback %.3f, nearest %.3f\n", best,
                  feedback, nearest);
    assert_lt(feedback, 0.8 * nearest);
}

/* Each curvature does best in its own measure. */
static void curvatures(void **state)
{
    static const char *const names[] = {"input", "token", "kronecker"};
    (void)state;
    world o;
    world_init(&o, gptq, 130, 192, 9);
    const vq_num num = world_num(&o, "nvfp4");
    const float *const a[] = {NULL, NULL, o.curvature.output}, *const b[] = {o.stats.hessian,
                                                                             o.curvature.input,
                                                                             o.curvature.input};
    double error[3][3];
    for (int i = 0; i < 3; i++) {
        world_set(&o, "curvature", names[i]);
        const vq_qtensor q = world_round(&o, gptq, &num);
        for (int j = 0; j < 3; j++) error[i][j] = world_error(&o, &q, a[j], b[j]);
    }
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            if (i != j) assert_lt(error[j][j], error[i][j]);
    const vq_qtensor plain = world_round(&o, &vq_round_rtn, &num);
    assert_lt(error[0][0], 0.5 * world_error(&o, &plain, a[0], b[0]));
    assert_lt(error[2][2], 0.8 * error[1][2]);
    world_done(&o);
}

/* An output curvature without correlations leaves the columns to themselves. */
static void kronecker_of_identity(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 130, 192, 9);
    make_identity(o.curvature.output, o.n, 1);
    const vq_num num = world_num(&o, "int4-g32-asym");
    world_set(&o, "curvature", "token");
    const vq_qtensor one = world_round(&o, gptq, &num);
    world_set(&o, "curvature", "kronecker");
    const vq_qtensor two = world_round(&o, gptq, &num);
    assert_true(same_codes(&one, &two));
    world_done(&o);
}

static void threads(void **state)
{
    static const char *const sets[][6] = {
        {"curvature", "input", "order", "auto", "refit", "true"},
        {"curvature", "kronecker", "order", "activation", "refit", "false"},
        {"curvature", "kronecker", "order", "original", "refit", "true"},
    };
    (void)state;
    const int most = omp_get_max_threads();
    for (int i = 0; i < 6; i++) {
        world o;
        vq_qtensor q[2];
        double noise[2];
        world_init(&o, gptq, 200, 320, 9);
        const vq_num num = world_num(&o, i / 3 ? "int4-g64-asym" : "nvfp4");
        for (int j = 0; j < 6; j += 2) world_set(&o, sets[i % 3][j], sets[i % 3][j + 1]);
        for (int t = 0; t < 2; t++) {
            omp_set_num_threads(t ? 3 : 1);
            q[t] = world_round(&o, gptq, &num);
            noise[t] = o.job.noise;
        }
        assert_true(same_codes(&q[0], &q[1]));
        assert_eq(noise[0], noise[1]);
        world_done(&o);
    }
    omp_set_num_threads(most);
}

static double error_with(world *o, const vq_num *num, const char *name, const char *value,
                         vq_qtensor *q)
{
    const vq_option_set before = o->options;
    world_set(o, name, value);
    *q = world_round(o, gptq, num);
    o->options = before;
    return world_error(o, q, NULL, o->stats.hessian);
}

/* No option is without effect; the order that is chosen is the better one; searched and refitted
 * scales lose less. */
static void options(void **state)
{
    (void)state;
    world o;
    vq_qtensor a, b, c;
    world_init(&o, gptq, 128, 256, 12);
    const vq_num num = world_num(&o, "int4-g32");
    const double own = error_with(&o, &num, "order", "original", &a),
                 sorted = error_with(&o, &num, "order", "activation", &b);
    const double both = error_with(&o, &num, "order", "auto", &c);
    assert_false(same_codes(&a, &b));
    assert_true(same_codes(&c, own < sorted ? &a : &b));
    assert_eq(both, fmin(own, sorted));
    world_set(&o, "order", "original");
    error_with(&o, &num, "damp", "0.5", &b);
    assert_false(same_codes(&a, &b));
    const double plain = error_with(&o, &num, "scales", "plain", &b);
    assert_false(same_codes(&a, &b));
    assert_lt(own, plain);
    const double refit = error_with(&o, &num, "refit", "true", &c);
    assert_false(same_codes(&a, &c));
    assert_lt(refit, 1.05 * own);
    world_set(&o, "scales", "plain");
    error_with(&o, &num, "refit", "true", &c);
    assert_false(same_codes(&b, &c));
    error_with(&o, &num, "scales", "memoryless", &a);
    error_with(&o, &num, "scales", "fp-quant", &b);
    error_with(&o, &num, "scales", "expanded", &c);
    assert_true(!same_codes(&a, &b) && !same_codes(&a, &c) && !same_codes(&b, &c));
    world_done(&o);
}

static void needs(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 1, 16, 1);
    assert_int_equal(gptq->needs(&o.options), VQ_NEED_HESSIAN);
    world_set(&o, "curvature", "token");
    assert_int_equal(gptq->needs(&o.options), VQ_NEED_FISHER);
    world_set(&o, "curvature", "kronecker");
    assert_int_equal(gptq->needs(&o.options), VQ_NEED_FISHER | VQ_NEED_OUTPUT);
    world_done(&o);
}

static void dead_channels(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 8, 64, 4);
    const vq_num num = world_num(&o, "nvfp4");
    world_silence(&o, 5);
    world_set(&o, "scales", "plain");
    const vq_qtensor plain = world_round(&o, &vq_round_rtn, &num),
                     kept = world_round(&o, gptq, &num);
    for (int64_t r = 0; r < o.n; r++)
        assert_int_equal(kept.codes[r * o.k + 5], plain.codes[r * o.k + 5]);
    world_set(&o, "dead", "zero");
    const vq_qtensor zeroed = world_round(&o, gptq, &num);
    for (int64_t r = 0; r < o.n; r++) assert_int_equal(zeroed.codes[r * o.k + 5], 0);
    world_done(&o);
}

/* Damping is raised, at last nothing is fed back, and the job says so. */
static void fallbacks(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 8, 64, 4);
    const vq_num num = world_num(&o, "nvfp4");
    make_identity(o.stats.hessian, o.k, 1);
    o.stats.hessian[1] = o.stats.hessian[o.k] = 1.05F;
    world_round(&o, gptq, &num);
    assert_string_equal(o.job.fallback, "damping x10");
    o.stats.hessian[1] = o.stats.hessian[o.k] = 1.5F;
    world_round(&o, gptq, &num);
    assert_string_equal(o.job.fallback, "damping x100");
    o.stats.hessian[1] = o.stats.hessian[o.k] = 3;
    world_set(&o, "scales", "plain");
    const vq_qtensor q = world_round(&o, gptq, &num);
    assert_string_equal(o.job.fallback, "rtn");
    const vq_qtensor plain = world_round(&o, &vq_round_rtn, &num);
    assert_true(same_codes(&q, &plain));
    memset(o.stats.hessian, 0,
           (size_t)(o.k * o.k) * sizeof *o.stats.hessian); /* an expert that no token reached */
    const vq_qtensor unseen = world_round(&o, gptq, &num);
    assert_true(same_codes(&unseen, &plain));
    assert_string_equal(o.job.fallback, "rtn");
    make_identity(o.stats.hessian, o.k, 1);
    world_round(&o, gptq, &num);
    assert_null(o.job.fallback);
    world_done(&o);
}

static void refusals(void **state)
{
    (void)state;
    world o;
    vq_qtensor q;
    world_init(&o, gptq, 8, 64, 4);
    const vq_num wide = world_num(&o, "bfp24-64"), num = world_num(&o, "nvfp4");
    assert_int_equal(world_try(&o, gptq, &wide, &q), VQ_E_RECIPE);
    o.stats.hessian[7] = NAN;
    assert_int_equal(world_try(&o, gptq, &num, &q), VQ_E_NUMERIC);
    o.stats.hessian[7] = o.stats.hessian[7 * o.k];
    world_set(&o, "curvature", "kronecker");
    o.curvature.output[0] = INFINITY;
    assert_int_equal(world_try(&o, gptq, &num, &q), VQ_E_NUMERIC);
    assert_non_null(strstr(o.err.text, "output curvature"));
    o.job.curvature = NULL;
    assert_int_equal(world_try(&o, gptq, &num, &q), VQ_E_BUG);
    world_set(&o, "curvature", "input");
    o.stats.k = 63;
    assert_int_equal(world_try(&o, gptq, &num, &q), VQ_E_BUG);
    o.job.stats = NULL;
    assert_int_equal(world_try(&o, gptq, &num, &q), VQ_E_BUG);
    world_done(&o);
}

/* Every request that fails is an error and nothing else; what is announced is what is taken. */
static void memory(void **state)
{
    static const char *const curvature[] = {"input", "kronecker"}, *const orders[] = {"original",
                                                                                      "auto"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        world o;
        world_init(&o, gptq, 300, 512, 4);
        const vq_num num = world_num(&o, "nvfp4");
        world_set(&o, "curvature", curvature[i / 2]);
        world_set(&o, "order", orders[i % 2]);
        print_message("%s, %s: ", curvature[i / 2], orders[i % 2]);
        world_memory(&o, gptq, &num, i % 2);
        world_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_is_rtn),
        cmocka_unit_test(closed_form),
        cmocka_unit_test(near_brute_force),
        cmocka_unit_test(curvatures),
        cmocka_unit_test(kronecker_of_identity),
        cmocka_unit_test(threads),
        cmocka_unit_test(options),
        cmocka_unit_test(needs),
        cmocka_unit_test(dead_channels),
        cmocka_unit_test(fallbacks),
        cmocka_unit_test(refusals),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
