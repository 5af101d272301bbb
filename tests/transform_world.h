/* transform_world.h -- made-up inputs of a group of linears, and their statistics by definition:
 * for tests of transforms. */
#ifndef VQ_TESTS_TRANSFORM_WORLD_H
#define VQ_TESTS_TRANSFORM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "quant/transform.h"

typedef struct transform_world {
    vq_arena arena, scratch;
    vq_budget budget; /* of scratch */
    vq_kernels kernels;
    vq_err err;
} transform_world;

static inline void world_open(transform_world *w)
{
    memset(w, 0, sizeof *w);
    vq_arena_init(&w->arena, NULL);
    vq_arena_init(&w->scratch, &w->budget);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, false, &w->err), VQ_OK);
}

static inline void world_close(transform_world *w)
{
    assert_int_equal(w->budget.used, 0); /* scratch was given back */
    vq_arena_done(&w->scratch);
    vq_arena_done(&w->arena);
}

/* rows x cols between -1 and 1, every 7th column larger, column 5 larger still. */
static inline float *world_matrix(transform_world *w, int64_t rows, int64_t cols, uint64_t seed)
{
    float *x = VQ_ALLOC(&w->arena, float, rows *cols, "matrix", &w->err);
    for (int64_t i = 0; i < rows * cols; i++) {
        const int64_t c = i % cols;
        x[i] = (float)(2 * vq_rng_unit(seed, (uint64_t)i) - 1) * (c == 5 ? 30.0F
                                                                  : c % 7 == 0
                                                                      ? 4.0F
                                                                      : 1.0F + (float)(c % 3));
    }
    return x;
}

/* sum over tokens of weight[t] x x^T, in f64, stored in f32. */
static inline float *world_second_moment(transform_world *w, const double *x, const double *weight,
                                         int64_t tokens, int64_t k)
{
    float *h = VQ_ALLOC(&w->arena, float, k *k, "moment", &w->err);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t t = 0; t < tokens; t++)
                sum += (weight ? weight[t] : 1) * x[t * k + i] * x[t * k + j];
            h[i * k + j] = (float)sum;
        }
    return h;
}

/* Every statistic of x [tokens][k] that does not need a gradient; histogram and tail counts are
 * left out. */
static inline vq_stats world_stats(transform_world *w, const double *x, int64_t tokens, int64_t k)
{
    vq_stats s = {.name = "made",
                  .k = k,
                  .tokens = tokens,
                  .samples = 1,
                  .gathered = VQ_NEED_RANGE | VQ_NEED_MEAN | VQ_NEED_HESSIAN};
    s.min = VQ_NEW(&w->arena, float, k, "min", &w->err);
    s.max = VQ_NEW(&w->arena, float, k, "max", &w->err);
    s.absmax = VQ_NEW(&w->arena, float, k, "absmax", &w->err);
    s.abs_sum = VQ_NEW(&w->arena, double, k, "sum", &w->err);
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < k; i++) {
            const float v = (float)x[t * k + i];
            s.min[i] = t ? fminf(s.min[i], v) : v;
            s.max[i] = t ? fmaxf(s.max[i], v) : v;
            s.absmax[i] = fmaxf(s.absmax[i], fabsf(v));
            s.abs_sum[i] += fabs(x[t * k + i]);
        }
    s.hessian = world_second_moment(w, x, NULL, tokens, k);
    return s;
}

static inline double *world_inputs(transform_world *w, int64_t tokens, int64_t k, uint64_t seed)
{
    const float *x = world_matrix(w, tokens, k, seed);
    double *d = VQ_ALLOC(&w->arena, double, tokens *k, "inputs", &w->err);
    for (int64_t i = 0; i < tokens * k; i++) d[i] = (double)x[i];
    return d;
}

/* y [tokens][n] = x [tokens][k] w [n][k]^T in f64. */
static inline double *world_product(transform_world *w, const double *x, const float *weight,
                                    int64_t tokens, int64_t n, int64_t k)
{
    double *y = VQ_NEW(&w->arena, double, tokens *n, "product", &w->err);
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t r = 0; r < n; r++)
            for (int64_t i = 0; i < k; i++)
                y[t * n + r] += x[t * k + i] * (double)weight[r * k + i];
    return y;
}

/* One option set to a text over the defaults; the value must be legal. */
static inline vq_option_set world_options(const vq_transform *t, const char *name, const char *text)
{
    vq_option_set o;
    vq_err e = {0};
    vq_option_defaults(&o, t->options);
    if (name && vq_option_parse(&o, name, text, &e) != VQ_OK) fail_msg("%s", e.text);
    return o;
}

#endif
