/* gptq_reference.h -- one golden GPTQ result: round with the options of its variant, compare codes
 * and output error. */
#ifndef VQ_TESTS_GPTQ_REFERENCE_H
#define VQ_TESTS_GPTQ_REFERENCE_H

#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "quant/rounder.h"
#include "show.h"

typedef struct gptq_case {
    golden_file *f;
    const vq_kernels *kernels;
    vq_num num;
    vq_global_scale global_scale;
    int64_t n, k;
    const float *w, *h; /* [n][k], [k][k] sum of x x^T */
    const char *options[12][2];
} gptq_case;

/* gptq_round -- q under the case's options. */
static inline void gptq_round(const gptq_case *c, vq_qtensor *q)
{
    vq_err e = {0};
    vq_option_set options;
    vq_option_defaults(&options, vq_round_gptq.options);
    for (int i = 0; c->options[i][0]; i++)
        assert_int_equal(vq_option_parse(&options, c->options[i][0], c->options[i][1], &e), VQ_OK);
    const vq_stats stats = {.k = c->k, .hessian = (float *)(uintptr_t)c->h};
    vq_round_job job = {.kernels = c->kernels,
                        .options = &options,
                        .stats = &stats,
                        .global_scale = c->global_scale,
                        .arith = VQ_F32,
                        .scratch = &c->f->arena};
    assert_int_equal(vq_qtensor_new(q, &c->num, c->n, c->k, &c->f->arena, &e), VQ_OK);
    const vq_status s = vq_round_gptq.run(&job, c->w, q, &e);
    if (s != VQ_OK) printf("%s\n", e.text);
    assert_int_equal(s, VQ_OK);
    assert_null(job.fallback);
}

/* gptq_output_error -- tr((W - Y) H (W - Y)^T) */
static inline double gptq_output_error(const gptq_case *c, const float *y)
{
    double sum = 0;
    for (int64_t r = 0; r < c->n; r++) {
        for (int64_t i = 0; i < c->k; i++) {
            double at = 0;
            for (int64_t j = 0; j < c->k; j++)
                at += (double)c->h[i * c->k + j] * (double)(c->w[r * c->k + j] - y[r * c->k + j]);
            sum += at * (double)(c->w[r * c->k + i] - y[r * c->k + i]);
        }
    }
    return sum;
}

/* gptq_compare -- at most 0.5 % of the codes differ (values apart by more than the last place),
 * output error within 1 %. `skip`: a column that the peer leaves out; -1 none. */
static inline void gptq_compare(const gptq_case *c, const vq_qtensor *q, const float *want,
                                int64_t skip, const char *name)
{
    vq_err e = {0};
    float *y = VQ_ALLOC(&c->f->arena, float, c->n * c->k, "values", &e);
    vq_dequantize_ref(q, 0, c->n, y);
    int64_t differ = 0;
    for (int64_t i = 0; i < c->n * c->k; i++)
        differ += i % c->k != skip && fabsf(y[i] - want[i]) > 1e-5F * fabsf(want[i]);
    const double ours = gptq_output_error(c, y), theirs = gptq_output_error(c, want);
    printf("%-32s codes that differ: %6.3f %%   output error: ours / peer %.5f\n", name,
           100.0 * (double)differ / (double)(c->n * c->k), ours / theirs);
    assert_le((double)differ, 0.005 * (double)(c->n * c->k));
    assert_near(ours / theirs, 1, 0.01);
}

/* gptq_hessian -- sum of x x^T in the file's arena. */
static inline float *gptq_hessian(golden_file *f, const float *x, int64_t tokens, int64_t k)
{
    vq_err e = {0};
    float *h = VQ_ALLOC(&f->arena, float, k *k, "hessian", &e);
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t t = 0; t < tokens; t++) sum += (double)x[t * k + i] * (double)x[t * k + j];
            h[i * k + j] = (float)sum;
        }
    }
    return h;
}

#endif
