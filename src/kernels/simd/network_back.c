/* network_back.c -- derivatives of network.c's norms, activations, softmax and rotary embedding,
 * one row at a time. */
#include <math.h>

#include "kernels/simd/exp_lanes.h"

/* sum of g * w * x, the first product in f32 */
static inline void weighted_step(vq_sum *s, const float *g, const float *w, const float *x)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        vd u[2], v[2];
        vf_widen(vf_load(g + a * VQ_L) * vf_load(w + a * VQ_L), u);
        vf_widen(vf_load(x + a * VQ_L), v);
        for (size_t h = 0; h < 2; h++) s->part[2 * a + h] += u[h] * v[h];
    }
}

static double weighted_dot(const float *g, const float *w, const float *x, size_t n)
{
    vq_sum s = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) weighted_step(&s, g + i, w + i, x + i);
    if (i < n) {
        float tg[VQ_PARTS], tw[VQ_PARTS], tx[VQ_PARTS];
        vq_pad(tg, g + i, n - i, 0.0F);
        vq_pad(tw, w + i, n - i, 0.0F);
        vq_pad(tx, x + i, n - i, 0.0F);
        weighted_step(&s, tg, tw, tx);
    }
    return vd_total(&s);
}

void VQ_FN(rms_norm_back)(const float *x, const float *w, const float *g, float eps, size_t n,
                          float *dx)
{
    const double mean = n ? VQ_FN(dot)(x, x, n) / (double)n : 0.0;
    const float inverse = 1.0F / sqrtf((float)mean + eps);
    const double share = n ? weighted_dot(g, w, x, n) / (double)n : 0.0;
    const float pull = (float)(share * (double)inverse * (double)inverse * (double)inverse);
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L)
        vf_store(dx + i, vf_load(g + i) * vf_load(w + i) * inverse - vf_load(x + i) * pull);
    for (; i < n; i++) dx[i] = g[i] * w[i] * inverse - x[i] * pull;
}

static inline void silu_mul_step(const float *gate, const float *up, const float *g, vf *dgate,
                                 vf *dup)
{
    const vf a = vf_load(gate), d = vf_load(g), below = vf_exp(-a) + 1.0F, slope = 1.0F / below,
             silu = a / below;
    *dgate = d * vf_load(up) * (slope + silu * (1.0F - slope));
    *dup = d * silu;
}

void VQ_FN(silu_mul_back)(const float *gate, const float *up, const float *g, size_t n,
                          float *dgate, float *dup)
{
    vf a, b;
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) {
        silu_mul_step(gate + i, up + i, g + i, &a, &b);
        vf_store(dgate + i, a);
        vf_store(dup + i, b);
    }
    if (i == n) return;
    float tgate[VQ_PARTS], tup[VQ_PARTS], tg[VQ_PARTS];
    vq_pad(tgate, gate + i, n - i, 0.0F);
    vq_pad(tup, up + i, n - i, 0.0F);
    vq_pad(tg, g + i, n - i, 0.0F);
    silu_mul_step(tgate, tup, tg, &a, &b);
    vf_store_n(dgate + i, n - i, a);
    vf_store_n(dup + i, n - i, b);
}

void VQ_FN(softmax_back)(const float *p, size_t n, float scale, float *g)
{
    const float mean = (float)VQ_FN(dot)(p, g, n);
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L)
        vf_store(g + i, vf_load(p + i) * (vf_load(g + i) - mean) * scale);
    for (; i < n; i++) g[i] = p[i] * (g[i] - mean) * scale;
}

void VQ_FN(rope_back)(float *g, const float *cos, const float *sin, size_t d)
{
    const size_t half = d / 2;
    size_t i = 0;
    for (; i + VQ_L <= half; i += VQ_L) {
        const vf a = vf_load(g + i), b = vf_load(g + half + i), c = vf_load(cos + i),
                 s = vf_load(sin + i);
        vf_store(g + i, a * c + b * s);
        vf_store(g + half + i, b * c - a * s);
    }
    for (; i < half; i++) {
        const float a = g[i], b = g[half + i];
        g[i] = a * cos[i] + b * sin[i];
        g[half + i] = b * cos[i] - a * sin[i];
    }
}
