/* exp_lanes.h -- e^x, within 2 units in the last place, the same bits at every level (no fused
 * multiply-add). Method: x = n ln 2 + r, a polynomial in r (Cephes expf), and 2^n in two halves so
 * that both ends of the range come out right. */
#ifndef VQ_KERNELS_SIMD_EXP_LANES_H
#define VQ_KERNELS_SIMD_EXP_LANES_H

#include "kernels/simd/lanes.h"

static inline vf vf_pow2(vi e)
{
    return (vf)((e + 127) << 23);
}

static inline vf vf_exp(vf x)
{
    const vf clipped = vf_max(vf_all(-104.0F), vf_min(vf_all(89.0F), x));
    const vi n = vf_rint(clipped * 1.44269504F), half = n >> 1;
    const vf k = __builtin_convertvector(n, vf);
    const vf r = (clipped - k * 0.693359375F) - k * -2.12194440e-4F;
    vf p = 1.9875691500e-4F * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = (p * (r * r) + r) + 1.0F;
    return p * vf_pow2(half) * vf_pow2(n - half);
}

#endif
