/* gptq_world.h -- made-up weights and curvatures for the tests of rounders, and what their
 * objective is by definition. */
#ifndef VQ_TESTS_GPTQ_WORLD_H
#define VQ_TESTS_GPTQ_WORLD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quant/rounder.h"
#include "show.h"

typedef struct world {
    vq_budget budget;
    vq_arena arena, scratch;
    vq_kernels kernels;
    vq_option_set options;
    vq_stats stats;
    vq_curvature curvature;
    vq_round_job job;
    int64_t n, k;
    float *w;
    uint32_t seed;
    vq_err err;
} world;

static inline float world_random(world *o)
{
    o->seed = o->seed * 1664525U + 1013904223U;
    return (float)((int32_t)o->seed >> 8) * 0x1p-23F;
}

/* world_moments -- sum of x x^T over made-up x [k] whose entries follow each other and differ in
 * size. */
static inline float *world_moments(world *o, int64_t k, int tokens)
{
    float *h = VQ_NEW(&o->arena, float, k *k, "h", &o->err),
          *x = VQ_ALLOC(&o->arena, float, k, "x", &o->err);
    for (int t = 0; t < tokens; t++) {
        float shared = 0;
        for (int64_t i = 0; i < k; i++) {
            shared = 0.8F * shared + world_random(o);
            x[i] = shared * (1.0F + 0.5F * (float)((i * 7) % 5));
        }
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < k; j++) h[i * k + j] += x[i] * x[j];
    }
    return h;
}

static inline void world_init(world *o, const vq_rounder *rounder, int64_t n, int64_t k,
                              uint32_t seed)
{
    *o = (world){.n = n, .k = k, .seed = seed};
    vq_arena_init(&o->arena, NULL);
    vq_arena_init(&o->scratch, &o->budget);
    assert_int_equal(vq_kernels_select(&o->kernels, NULL, false, &o->err), VQ_OK);
    o->w = VQ_ALLOC(&o->arena, float, n *k, "w", &o->err);
    for (int64_t i = 0; i < n * k; i++) o->w[i] = world_random(o) + 0.3F * world_random(o);
    o->stats = (vq_stats){.k = k, .hessian = world_moments(o, k, 2 * (int)k)};
    o->curvature = (vq_curvature){.n = n,
                                  .input = world_moments(o, k, 2 * (int)k),
                                  .output = world_moments(o, n, 2 * (int)n)};
    vq_option_defaults(&o->options, rounder->options);
    o->job = (vq_round_job){.kernels = &o->kernels,
                            .options = &o->options,
                            .stats = &o->stats,
                            .curvature = &o->curvature,
                            .global_scale = {1.0F, false},
                            .arith = VQ_F32,
                            .scratch = &o->scratch};
}

static inline void world_done(world *o)
{
    vq_arena_done(&o->scratch);
    vq_arena_done(&o->arena);
}

static inline void world_set(world *o, const char *name, const char *text)
{
    assert_int_equal(vq_option_parse(&o->options, name, text, &o->err), VQ_OK);
}

/* world_num -- weight format of a preset; its second-level scale from the world's weights. */
static inline vq_num world_num(world *o, const char *preset)
{
    vq_scheme buf;
    const vq_num num = vq_scheme_find(preset, &buf)->weight;
    float most = 0;
    for (int64_t i = 0; i < o->n * o->k; i++) most = fmaxf(most, fabsf(o->w[i]));
    o->job.global_scale = vq_global_scale_from_amax(&num, most, VQ_F32);
    return num;
}

static inline vq_status world_try(world *o, const vq_rounder *rounder, const vq_num *num,
                                  vq_qtensor *q)
{
    const vq_arena_mark mark = vq_arena_here(&o->scratch);
    assert_int_equal(vq_qtensor_new(q, num, o->n, o->k, &o->arena, &o->err), VQ_OK);
    const vq_status s = rounder->run(&o->job, o->w, q, &o->err);
    vq_arena_rewind(&o->scratch, mark);
    return s;
}

/* world_round -- that, which must go well; noise as reported must be that of the codes. */
static inline vq_qtensor world_round(world *o, const vq_rounder *rounder, const vq_num *num)
{
    vq_qtensor q;
    assert_int_equal(world_try(o, rounder, num, &q), VQ_OK);
    float *y = VQ_ALLOC(&o->arena, float, o->n * o->k, "y", &o->err);
    double signal = 0, noise = 0;
    vq_dequantize_ref(&q, 0, o->n, y);
    for (int64_t i = 0; i < o->n * o->k; i++) {
        const double w = (double)o->w[i], d = w - (double)y[i];
        signal += w * w;
        noise += d * d;
    }
    assert_near(o->job.signal, signal, 1e-6 * signal);
    assert_near(o->job.noise, noise, 1e-5 * noise);
    return q;
}

/* world_memory -- what is announced is what is taken; failing: every request that fails is an error
 * and nothing else. */
static inline void world_memory(world *o, const vq_rounder *rounder, const vq_num *num,
                                bool failing)
{
    vq_qtensor q;
    world_round(o, rounder, num);
    const uint64_t told = rounder->scratch_bytes(&o->options, num, o->n, o->k, false);
    print_message("%zu bytes taken, %llu announced\n", o->budget.peak, (unsigned long long)told);
    assert_le(o->budget.peak, told + (1U << 20));
    assert_ge((double)o->budget.peak, 0.6 * (double)told);
    vq_status s = VQ_E_LIMIT;
    for (size_t n = 1; failing && s == VQ_E_LIMIT; n++) {
        o->budget.fail_in = n;
        s = world_try(o, rounder, num, &q);
        assert_lt(n, 100);
    }
}

/* world_silence -- a channel of the input that was always zero. */
static inline void world_silence(world *o, int64_t channel)
{
    for (int64_t i = 0; i < o->k; i++)
        o->stats.hessian[channel * o->k + i] = o->stats.hessian[i * o->k + channel] = 0;
}

/* world_error -- tr(A E B E^T), E = W - W^; a [n][n] or NULL for the identity, b [k][k]. */
static inline double world_error(world *o, const vq_qtensor *q, const float *a, const float *b)
{
    const int64_t n = o->n, k = o->k;
    float *y = VQ_ALLOC(&o->arena, float, n *k, "y", &o->err);
    double *e = VQ_ALLOC(&o->arena, double, 2 * n * k, "e", &o->err), *eb = e + n * k, sum = 0;
    vq_dequantize_ref(q, 0, n, y);
    for (int64_t i = 0; i < n * k; i++) e[i] = (double)o->w[i] - (double)y[i];
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < k; j++) {
            eb[i * k + j] = 0;
            for (int64_t p = 0; p < k; p++) eb[i * k + j] += e[i * k + p] * (double)b[p * k + j];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t p = 0; p < n; p++) {
            if (!a && p != i) continue;
            for (int64_t j = 0; j < k; j++)
                sum += (a ? (double)a[i * n + p] : 1) * eb[i * k + j] * e[p * k + j];
        }
    }
    return sum;
}

static inline bool same_codes(const vq_qtensor *a, const vq_qtensor *b)
{
    return memcmp(a->codes, b->codes, (size_t)(a->rows * a->cols)) == 0 &&
           memcmp(a->scale, b->scale, (size_t)a->groups * sizeof *a->scale) == 0 &&
           (!a->zero || memcmp(a->zero, b->zero, (size_t)a->groups * sizeof *a->zero) == 0);
}

#endif
