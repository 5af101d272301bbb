/* likelihood.c -- log-sum-exp and Kullback-Leibler divergence of rows of logits: exponentials in
 * f32, sums in f64. */
#include <math.h>

#include "kernels/simd/exp_lanes.h"

static float highest(const float *x, size_t n)
{
    float lo, hi = -INFINITY;
    if (n) VQ_FN(range_blocks)(x, n, n, &lo, &hi);
    return hi;
}

static inline void exp_step(vq_sum *s, const float *x, float top)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        vd e[2];
        vf_widen(vf_exp(vf_load(x + a * VQ_L) - top), e);
        s->part[2 * a] += e[0];
        s->part[2 * a + 1] += e[1];
    }
}

double VQ_FN(log_sum_exp)(const float *x, size_t n)
{
    const float top = highest(x, n);
    vq_sum s = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) exp_step(&s, x + i, top);
    if (i < n) {
        float tail[VQ_PARTS];
        vq_pad(tail, x + i, n - i, -INFINITY);
        exp_step(&s, tail, top);
    }
    return (double)top + log(vd_total(&s));
}

/* The logits of both rows and their log-sum-exps. */
typedef struct pair {
    const float *p, *q;
    double lp, lq;
} pair;

static inline void kl_step(vq_sum *s, const pair *r, const float *p, const float *q)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        vd u[2], v[2], e[2];
        const vf x = vf_load(p + a * VQ_L);
        vf_widen(x, u);
        vf_widen(vf_load(q + a * VQ_L), v);
        vf_widen(vf_exp(x - (float)r->lp), e);
        for (size_t h = 0; h < 2; h++)
            s->part[2 * a + h] += e[h] * ((u[h] - r->lp) - (v[h] - r->lq));
    }
}

double VQ_FN(kl_row)(const float *p, double lp, const float *q, double lq, size_t n)
{
    const pair r = {p, q, lp, lq};
    vq_sum s = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) kl_step(&s, &r, p + i, q + i);
    if (i < n) {
        float tp[VQ_PARTS], tq[VQ_PARTS];
        vq_pad(tp, p + i, n - i, -1e30F);
        vq_pad(tq, q + i, n - i, 0.0F);
        kl_step(&s, &r, tp, tq);
    }
    return vd_total(&s);
}
