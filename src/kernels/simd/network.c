/* network.c -- norms, activations, softmax and rotary embedding of one row. */
#include <math.h>

#include "kernels/simd/exp_lanes.h"

void VQ_FN(rms_norm)(const float *x, const float *w, float eps, size_t n, float *y)
{
    const double mean = n ? VQ_FN(dot)(x, x, n) / (double)n : 0.0;
    const float inverse = 1.0F / sqrtf((float)mean + eps);
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) vf_store(y + i, vf_load(x + i) * inverse * vf_load(w + i));
    if (i < n)
        vf_store_n(y + i, n - i,
                   vf_load_n(x + i, n - i, 0.0F) * inverse * vf_load_n(w + i, n - i, 0.0F));
}

static inline vf silu_lanes(vf gate)
{
    return gate / (vf_exp(-gate) + 1.0F);
}

void VQ_FN(silu_mul)(const float *gate, const float *up, size_t n, float *y)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L)
        vf_store(y + i, silu_lanes(vf_load(gate + i)) * vf_load(up + i));
    if (i < n)
        vf_store_n(y + i, n - i,
                   silu_lanes(vf_load_n(gate + i, n - i, 0.0F)) * vf_load_n(up + i, n - i, 0.0F));
}

/* x * scale in place, and the largest of them. */
static float scaled_max(float *x, size_t n, float scale)
{
    vf most[VQ_ACC];
    for (size_t a = 0; a < VQ_ACC; a++) most[a] = vf_all(-INFINITY);
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) {
        for (size_t a = 0; a < VQ_ACC; a++) {
            const vf v = vf_load(x + i + a * VQ_L) * scale;
            vf_store(x + i + a * VQ_L, v);
            most[a] = vf_max(v, most[a]);
        }
    }
    float top = vf_highest(most);
    for (; i < n; i++) {
        x[i] *= scale;
        top = x[i] > top ? x[i] : top;
    }
    return top;
}

/* exp(x - top) of 16 elements in place, added to the partial sums. */
static inline void exp_step(vf part[VQ_ACC], float *x, float top)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        const vf v = vf_exp(vf_load(x + a * VQ_L) - top);
        vf_store(x + a * VQ_L, v);
        part[a] += v;
    }
}

static float exp_all(float *x, size_t n, float top)
{
    vf part[VQ_ACC] = {{0}};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) exp_step(part, x + i, top);
    if (i < n) {
        float tail[VQ_PARTS];
        vq_pad(tail, x + i, n - i, -INFINITY);
        exp_step(part, tail, top);
        for (size_t t = 0; i + t < n; t++) x[i + t] = tail[t];
    }
    return vf_total(part);
}

void VQ_FN(softmax)(float *x, size_t live, size_t n, float scale)
{
    const float top = scaled_max(x, live, scale);
    const float inverse = 1.0F / exp_all(x, live, top);
    size_t i = 0;
    for (; i + VQ_L <= live; i += VQ_L) vf_store(x + i, vf_load(x + i) * inverse);
    for (; i < live; i++) x[i] *= inverse;
    for (; i < n; i++) x[i] = 0.0F;
}

void VQ_FN(rope)(float *x, const float *cos, const float *sin, size_t d)
{
    const size_t half = d / 2;
    size_t i = 0;
    for (; i + VQ_L <= half; i += VQ_L) {
        const vf a = vf_load(x + i), b = vf_load(x + half + i), c = vf_load(cos + i),
                 s = vf_load(sin + i);
        vf_store(x + i, a * c - b * s);
        vf_store(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        const float a = x[i], b = x[half + i];
        x[i] = a * cos[i] - b * sin[i];
        x[half + i] = b * cos[i] + a * sin[i];
    }
}

void VQ_FN(add)(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) vf_store(x + i, vf_load(x + i) + vf_load(y + i));
    for (; i < n; i++) x[i] += y[i];
}
