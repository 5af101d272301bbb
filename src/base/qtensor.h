/* qtensor.h -- a quantized matrix in canonical, unpacked order: the one truth between quantizers, packers and kernels.
 *
 * Element (r, k) means  decode(codes[r*cols + k]) minus zero, times the effective scale of its group.
 * Effective scale: s (no second scale), s * super (vq, modelopt), s / super_div (compressed-tensors stores the divisor). */
#ifndef VQ_BASE_QTENSOR_H
#define VQ_BASE_QTENSOR_H

#include "base/arena.h"
#include "base/num.h"

typedef struct vq_qtensor {
    vq_num num;
    int64_t rows, cols;     /* logical [N][K]; K includes the augmented channels of ARC */
    int64_t per_row;        /* groups along K: 1 for tensor/channel */
    int64_t groups;         /* all groups, row-major: index (r / group.rows) * per_row + k / group.cols */
    uint16_t *codes16;      /* [rows][cols] for grids of more than 8 bits, else NULL */
    uint8_t *codes;         /* [rows][cols] one code per byte, low bits; ints in two's complement cut to `bits`... stored as the raw low bits */
    float *scale;           /* [groups] value of the stored scale (exactly representable in num.scale) */
    int16_t *zero;          /* [groups] zero point in signed code units, NULL when none */
    float super;            /* second scale as stored; 1 when none */
    bool super_divides;     /* true: effective = scale / super; false: scale * super */
} vq_qtensor;

/* vq_qtensor_new -- arrays for [rows][cols] under num, owned by the arena. VQ_E_LIMIT, VQ_E_RECIPE (group does not divide). */
vq_status vq_qtensor_new(vq_qtensor *q, const vq_num *num, int64_t rows, int64_t cols, vq_arena *a, vq_err *e);

/* Range of one tensor (or of a fused group): what the second-level scale is made from. */
typedef struct vq_super {
    float value;   /* as stored */
    bool divides;
} vq_super;
/* vq_super_from_amax -- second-level scale from the absolute maximum over the tensor or fused group.
 *   num.compat ct: G = 2688 / max(A, 1.18e-38), rounded to `arith`, divides; else A / 2688, 1.0 when A is 0. 2688 = scale max * grid max.
 *   arith: type in which the peer computes scales (BF16 for a bf16 model under compat ct; F32 otherwise). */
vq_super vq_super_from_amax(const vq_num *num, float amax, vq_dtype arith);

/* vq_group_scale -- scale (and zero) of one group from its range, under every rule of num (int full/narrow, asym, fp, e8m0 rules, e4m3 with
 *   second scale and its floors, zero groups). lo/hi are the minimum and maximum of the group (amax = max(|lo|,|hi|)).
 *   *scale is exactly representable in num.scale. */
void vq_group_scale(const vq_num *num, float lo, float hi, vq_super super, vq_dtype arith, float *scale, int16_t *zero);
/* vq_effective_scale -- what an element's grid value is multiplied with. */
float vq_effective_scale(const vq_num *num, float scale, vq_super super);

/* vq_quantize_ref -- the whole definition, scalar: ranges, scales, codes of w [rows][cols] f32 into q (made by vq_qtensor_new).
 *   super as from vq_super_from_amax (ignored without second scale). The vector path (kernels.h) must give the same codes and scales.
 *   test tests/golden/test_golden_num.c */
vq_status vq_quantize_ref(vq_qtensor *q, const float *w, vq_super super, vq_dtype arith, vq_err *e);
/* vq_dequantize_ref -- rows [r0, r0+n) to f32 out [n][cols]. */
void vq_dequantize_ref(const vq_qtensor *q, int64_t r0, int64_t n, float *out);

#endif
