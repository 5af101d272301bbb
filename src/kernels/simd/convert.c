/* convert.c -- stored 16-bit floats to f32 and back. */
#include "kernels/simd/lanes.h"

static vi vi_load_u16(const uint8_t *src)
{
    vu16 h;
    memcpy(&h, src, sizeof h);
    return __builtin_convertvector(h, vi);
}

static vi vi_load_u16_n(const uint8_t *src, size_t n)
{
    uint8_t lane[2 * VQ_L] = {0};
    memcpy(lane, src, 2 * n);
    return vi_load_u16(lane);
}

static inline vf bf16_lanes(vi h)
{
    return (vf)(h << 16);
}

/* f16: shift into place and rebias; the two ends of the exponent range need a second step. */
static inline vf f16_lanes(vi h)
{
    const vi sign = (h & 0x8000) << 16, magnitude = (h & 0x7FFF) << 13,
             exponent = magnitude & 0x0F800000;
    const vi normal = magnitude + (112 << 23);
    const vi special = normal + (112 << 23);
    const vf tiny = (vf)(normal + (1 << 23)) - (vf)vi_all(113 << 23);
    vi v = vi_pick(exponent == 0x0F800000, special, normal);
    v = vi_pick(exponent == 0, (vi)tiny, v);
    return (vf)(v | sign);
}

void VQ_FN(bf16_to_f32)(const void *src, float *dst, size_t n)
{
    const uint8_t *s = src;
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) vf_store(dst + i, bf16_lanes(vi_load_u16(s + 2 * i)));
    if (i < n) vf_store_n(dst + i, n - i, bf16_lanes(vi_load_u16_n(s + 2 * i, n - i)));
}

void VQ_FN(f16_to_f32)(const void *src, float *dst, size_t n)
{
    const uint8_t *s = src;
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) vf_store(dst + i, f16_lanes(vi_load_u16(s + 2 * i)));
    if (i < n) vf_store_n(dst + i, n - i, f16_lanes(vi_load_u16_n(s + 2 * i, n - i)));
}

/* Nearest even; a NaN keeps its upper bits and becomes quiet. */
static inline vu16 bf16_of(vf x)
{
    const vu bits = (vu)x;
    const vu rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    const vu quiet = (bits >> 16) | 0x40;
    const vi nan = vf_magnitude(x) > 0x7F800000;
    return __builtin_convertvector((vu)vi_pick(nan, (vi)quiet, (vi)rounded), vu16);
}

void VQ_FN(f32_to_bf16)(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) {
        const vu16 h = bf16_of(vf_load(src + i));
        memcpy(dst + i, &h, sizeof h);
    }
    if (i < n) {
        const vu16 h = bf16_of(vf_load_n(src + i, n - i, 0.0F));
        memcpy(dst + i, &h, 2 * (n - i));
    }
}
