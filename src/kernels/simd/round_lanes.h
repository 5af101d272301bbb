/* round_lanes.h -- what a vector of values becomes under its scales, and what a group loses under
 * one. */
#ifndef VQ_KERNELS_SIMD_ROUND_LANES_H
#define VQ_KERNELS_SIMD_ROUND_LANES_H

#include "kernels/simd/grid_lanes.h"

static inline vf round_lanes(const grid_lanes *l, vq_grid_kind kind, vf x, vf scale, vf zero,
                             vi *code)
{
    if (kind == VQ_GRID_INT) {
        *code = encode_int_at(l, x, scale, zero);
        return (decode_int_lanes(l, *code) - zero) * scale;
    }
    if (kind == VQ_GRID_TABLE) {
        *code = encode_table_at(l, x, scale, zero);
        return (decode_table_lanes(l, *code) - zero) * scale;
    }
    *code = encode_float_at(l, x, scale, zero);
    return (decode_float_lanes(l, *code) - zero) * scale;
}

static inline float round_scalar(const vq_num *num, float x, float scale, int zero, uint8_t *code)
{
    *code = (uint8_t)vq_encode_at(num, x, scale, zero);
    return vq_decode_at(num, *code, scale, zero);
}

/* One group of a row under one scale. */
typedef struct run {
    const float *x, *d;
    size_t n;
    float scale, zero;
} run;

static inline void error_step(const grid_lanes *l, vq_grid_kind kind, const run *r, const float *x,
                              const float *d, vf part[VQ_ACC])
{
    vi code;
    for (size_t a = 0; a < VQ_ACC; a++) {
        const vf v = vf_load(x + a * VQ_L),
                 e = v - round_lanes(l, kind, v, vf_all(r->scale), vf_all(r->zero), &code);
        part[a] += d ? vf_load(d + a * VQ_L) * (e * e) : e * e;
    }
}

/* Missing places of the last step repeat zero under weight zero. */
static inline float run_error(const grid_lanes *l, vq_grid_kind kind, const run *r)
{
    vf part[VQ_ACC] = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= r->n; i += VQ_PARTS)
        error_step(l, kind, r, r->x + i, r->d ? r->d + i : NULL, part);
    if (i < r->n) {
        float x[VQ_PARTS], d[VQ_PARTS], ones[VQ_PARTS];
        for (size_t j = 0; j < VQ_PARTS; j++) ones[j] = 1.0F;
        vq_pad(x, r->x + i, r->n - i, 0.0F);
        vq_pad(d, r->d ? r->d + i : ones, r->n - i, 0.0F);
        error_step(l, kind, r, x, d, part);
    }
    return vf_total(part);
}

static inline float run_error_scalar(const vq_num *num, const run *r)
{
    vf part[VQ_ACC] = {0};
    float lane[VQ_PARTS] = {0};
    uint8_t code;
    for (size_t i = 0; i < r->n; i++) {
        const float e = r->x[i] - round_scalar(num, r->x[i], r->scale, (int)r->zero, &code);
        lane[i % VQ_PARTS] += r->d ? r->d[i] * (e * e) : e * e;
    }
    memcpy(part, lane, sizeof part);
    return vf_total(part);
}

#endif
