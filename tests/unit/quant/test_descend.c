/* test_descend.c -- coordinate descent after the walk: less of the objective, which the tests compute
 * by definition; in the end no element has a better code; never worse, not even where all rows ask
 * for the same; the same bytes for every number of threads; memory as announced. */
#include "gptq_world.h"
#include "show.h"

#include <omp.h>
#include <stdio.h>

static const vq_rounder *const gptq = &vq_round_gptq;
static const char *const presets[] = {"nvfp4", "mxfp4",          "int4-g32", "int4-g64-asym",
                                      "int8",  "int4-chan-asym", "fp8-block"};
enum { PRESETS = sizeof presets / sizeof *presets };

static vq_qtensor rounded(world *o, const vq_num *num, const char *times)
{
    world_set(o, "descent", times);
    return world_round(o, gptq, num);
}

static void less_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * PRESETS; i++) {
        world o;
        world_init(&o, gptq, 70, 128, 9);
        const vq_num num = world_num(&o, presets[i / 2]);
        const float *a = i % 2 ? o.curvature.output : NULL,
                    *b = i % 2 ? o.curvature.input : o.stats.hessian;
        world_set(&o, "curvature", i % 2 ? "kronecker" : "input");
        world_set(&o, "damp", "0.0001");
        double last = INFINITY;
        static const char *const times[] = {"0", "1", "4"};
        for (int t = 0; t < 3; t++) {
            const vq_qtensor q = rounded(&o, &num, times[t]);
            const double error = world_error(&o, &q, a, b);
            print_message("%-14s %s %s: %.6g\n", presets[i / 2], i % 2 ? "two" : "one", times[t],
                          error);
            assert_lt(error, last);
            last = error;
        }
        world_done(&o);
    }
}

/* H with `damp` times its mean diagonal on the diagonal, and `shrink` taken off the rest. */
static double *conditioned(world *o, const float *h, int64_t k, double damp, double shrink)
{
    double *c = VQ_ALLOC(&o->arena, double, k *k, "h", &o->err), mean = 0;
    for (int64_t i = 0; i < k; i++) mean += (double)h[i * k + i] / (double)k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            c[i * k + j] =
                i == j ? (double)h[i * k + i] + damp * mean : (1 - shrink) * (double)h[i * k + j];
    return c;
}

/* H_O E H_I, by definition. */
static double *gradient(world *o, const float *y, const double *out, const double *in)
{
    const int64_t n = o->n, k = o->k;
    double *half = VQ_NEW(&o->arena, double, 2 * n * k, "g", &o->err), *g = half + n * k;
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < k; j++)
                half[i * k + j] += (double)(o->w[i * k + p] - y[i * k + p]) * in[p * k + j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t j = 0; j < k; j++) g[i * k + j] += out[i * n + p] * half[p * k + j];
    return g;
}

static void no_better_code(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 20, 64, 3);
    const vq_num num = world_num(&o, "int4-g32");
    world_set(&o, "curvature", "kronecker");
    world_set(&o, "shrink", "0.3");
    world_set(&o, "shrink_output", "0.4");
    const vq_qtensor q = rounded(&o, &num, "60");
    const double *out = conditioned(&o, o.curvature.output, o.n, 0.01, 0.4),
                 *in = conditioned(&o, o.curvature.input, o.k, 0.01, 0.3);
    float *y = VQ_ALLOC(&o.arena, float, o.n *o.k, "y", &o.err);
    vq_dequantize_ref(&q, 0, o.n, y);
    const double *g = gradient(&o, y, out, in);
    for (int64_t i = 0; i < o.n * o.k; i++) {
        const int64_t row = i / o.k, col = i % o.k;
        const double h = out[row * (o.n + 1)] * in[col * (o.k + 1)];
        for (uint32_t code = 0; code < 16; code++) {
            const float other = vq_decode_at(&num, code, q.scale[i / 32], 0);
            const double d = (double)y[i] - (double)other; /* of E */
            assert_ge(d * (2 * g[i] + h * d), -1e-4 * h * (double)q.scale[i / 32]);
        }
    }
    world_done(&o);
}

/* Rows that all ask for the same: were each to follow at once, the sum would go far beyond. */
static void rows_alike(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 130, 64, 3);
    const vq_num num = world_num(&o, "nvfp4");
    for (int64_t i = 0; i < o.n; i++)
        for (int64_t j = 0; j < o.n; j++) o.curvature.output[i * o.n + j] = i == j ? 1.02F : 1.0F;
    world_set(&o, "curvature", "kronecker");
    const vq_qtensor before = rounded(&o, &num, "0"), after = rounded(&o, &num, "5");
    assert_lt(world_error(&o, &after, o.curvature.output, o.curvature.input),
              world_error(&o, &before, o.curvature.output, o.curvature.input));
    world_done(&o);
}

static void threads(void **state)
{
    (void)state;
    const int most = omp_get_max_threads();
    for (int i = 0; i < 2 * PRESETS; i++) {
        world o;
        vq_qtensor q[2];
        world_init(&o, gptq, 130, 128, 9);
        const vq_num num = world_num(&o, presets[i / 2]);
        world_set(&o, "curvature", i % 2 ? "kronecker" : "token");
        for (int t = 0; t < 2; t++) {
            omp_set_num_threads(t ? 3 : 1);
            q[t] = rounded(&o, &num, "2");
        }
        assert_true(same_codes(&q[0], &q[1]));
        world_done(&o);
    }
    omp_set_num_threads(most);
}

static void dead_stay_zero(void **state)
{
    (void)state;
    world o;
    world_init(&o, gptq, 8, 64, 4);
    const vq_num num = world_num(&o, "nvfp4");
    world_silence(&o, 5);
    world_set(&o, "dead", "zero");
    const vq_qtensor q = rounded(&o, &num, "3");
    for (int64_t r = 0; r < o.n; r++) assert_int_equal(q.codes[r * o.k + 5], 0);
    world_done(&o);
}

/* Groups of zeros are refused when the artifact is checked, so descent must not make one. */
static void no_group_emptied(void **state)
{
    (void)state;
    int changed = 0;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        world o;
        world_init(&o, gptq, 64, 64, seed);
        const vq_num num = world_num(&o, "int2-g2");
        world_set(&o, "curvature", "kronecker");
        const vq_qtensor before = rounded(&o, &num, "0"), after = rounded(&o, &num, "5");
        for (int64_t g = 0; g < after.groups; g++) {
            const uint8_t *was = before.codes + 2 * g, *is = after.codes + 2 * g;
            changed += was[0] != is[0] || was[1] != is[1];
            if (was[0] || was[1]) assert_true(is[0] || is[1]);
        }
        world_done(&o);
    }
    assert_ge(changed, 500);
}

static void memory(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        world o;
        world_init(&o, gptq, 130, 256, 4);
        const vq_num num = world_num(&o, i / 2 ? "nvfp4" : "int4-g64-asym");
        world_set(&o, "curvature", i % 2 ? "kronecker" : "input");
        world_set(&o, "order", "original");
        world_set(&o, "descent", "2");
        world_memory(&o, gptq, &num, true);
        world_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_every_time), cmocka_unit_test(no_better_code),
        cmocka_unit_test(rows_alike),      cmocka_unit_test(threads),
        cmocka_unit_test(dead_stay_zero),  cmocka_unit_test(no_group_emptied),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
