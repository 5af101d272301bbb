/* qtensor.h -- a quantized matrix in canonical, unpacked order: the one truth between quantizers,
 * packers and kernels.
 *
 * Element (r, k) means  decode(codes[r*cols + k]) minus zero, times the effective scale of its
 *         group.
 * Effective scale: s (no second scale), s * global_scale (vq, modelopt), s / global_scale
 * (compressed-tensors stores the divisor); times 4/3 under rule four-thirds. All arithmetic is f32,
 * one rounding per operation; compat ct rounds each step to the type that the peer computes in.
 * test tests/unit/base/test_scale.c, tests/unit/base/test_qtensor.c,
 * tests/golden/test_golden_{nvfp4,mx,bfp,int,peer_codes}.c */
#ifndef VQ_BASE_NUM_QTENSOR_H
#define VQ_BASE_NUM_QTENSOR_H

#include "base/arena.h"
#include "base/num/dtype.h"
#include "base/num/num.h"

typedef struct vq_qtensor {
    vq_num num;
    int64_t rows, cols; /* logical [N][K]; K includes the augmented channels of ARC */
    int64_t per_row;    /* groups along K: 1 for tensor/channel */
    int64_t groups; /* all groups, row-major: index (r / group.rows) * per_row + k / group.cols */
    uint16_t *codes16; /* [rows][cols] for grids of more than 8 bits, else NULL */
    uint8_t
        *codes; /* [rows][cols] one code per byte in its low `bits` bits (ints: two's complement cut
                * to `bits`), upper bits 0 */
    float *scale;  /* [groups] value of the stored scale (exactly representable in num.scale) */
    int16_t *zero; /* [groups] zero point in signed code units, NULL when none */
    float global_scale; /* second scale as stored; 1 when none */
    bool
        global_scale_divides; /* true: effective = scale / global_scale; false: scale * global_scale
                               */
} vq_qtensor;

/* vq_qtensor_new -- arrays for [rows][cols] under num, owned by the arena. VQ_E_LIMIT, VQ_E_RECIPE
 * (group does not divide). */
vq_status vq_qtensor_new(vq_qtensor *q, const vq_num *num, int64_t rows, int64_t cols, vq_arena *a,
                         vq_err *e);

/* Range of one tensor (or of a fused group): what the second-level scale is made from. */
typedef struct vq_global_scale {
    float value; /* as stored */
    bool divides;
} vq_global_scale;
/* vq_global_scale_from_amax -- second-level scale from the absolute maximum over the tensor or
 * fused group.
 *   num.compat ct: G = 2688 * (1 / max(A, 1.18e-38)), each step rounded to `arith`, divides; 1.0
 *   when not finite. Else A / 2688,
 * multiplies; 1.0 when A is 0 or so small that the smallest effective scale would vanish. 2688 =
 * scale max * grid max. Without a second scale: 1.0. arith: type in which the peer computes scales
 * (BF16 for a bf16 model under compat ct; F32 otherwise). */
vq_global_scale vq_global_scale_from_amax(const vq_num *num, float amax, vq_dtype arith);

/* vq_global_scale_as_divisor -- the same second scale in the compressed-tensors convention, for
 * artifacts that store the divisor: call it before any group scale is made, so that what is
 * measured is what is stored. */
vq_global_scale vq_global_scale_as_divisor(vq_global_scale s);

/* vq_scale_real -- type of a float scale; F32 for coded ones, which are computed in it. */
vq_dtype vq_scale_real(vq_scale_type t);
/* vq_qmax -- how far from zero the codes reach in units of the scale: the largest value; for
 * full-range ints half of their 2^bits - 1 steps, for tables half the way from the lowest to the
 * largest value. */
float vq_qmax(const vq_num *num);
/* vq_group_scale -- scale (and zero) of one group from its range, under every rule of num. lo and
 * hi
 * are the minimum and maximum of the group; zero is always inside the range; amax = max(|lo|,
 * |hi|);
 * qmax = 7.5 (i4 full), 7 (i4 narrow), 6 (e2m1), 448 (e4m3).
 *   float scales: amax / qmax, with zero points (hi - lo) / (2^bits - 1), rounded to num.scale,
 * kept
 *          finite; a scale of 0 becomes the type's epsilon
 *   zero: round(qmin - lo / scale) in the code range, 0 when the scale was 0; NULL or untouched
 *          without num.zero
 *   e8m0: 2^vq_e8m0_exponent
 *   e4m3, ue5m3: amax / qmax seen through the second scale, at least the smallest positive code, 1
 *          when the quotient is 0 (compat ct: no floor; 0 becomes 0.125)
 *   arith: compat ct only, the type in which the peer computes (that of the weights).   *scale
 *          is exactly representable in num.scale. */
void vq_group_scale(const vq_num *num, float lo, float hi, vq_global_scale global_scale,
                    vq_dtype arith, float *scale, int16_t *zero);
/* vq_effective_scale -- what an element's grid value is multiplied with. Never 0. */
float vq_effective_scale(const vq_num *num, float scale, vq_global_scale global_scale);

/* vq_encode_at -- code of element x in a group of effective scale `scale` and zero point `zero` (0
 * without): the grid's nearest to x / scale + zero. f32, two roundings; compat ct without second
 * scale rounds both steps to num.scale's type when that is bf16 or f16, as the peer does (its
 * scales have the type of its weights). A quotient of exactly zero is +0. range narrow: ints
 * symmetric, +-(2^(bits-1)-1).
 *   compat modelopt with e2m1 and e8m0: ties toward zero, zero is code 8. */
uint32_t vq_encode_at(const vq_num *num, float x, float scale, int zero);
/* vq_decode_at -- (decode(code) - zero) * scale in f32. */
float vq_decode_at(const vq_num *num, uint32_t code, float scale, int zero);

/* vq_quantize_ref -- the whole definition, scalar: ranges, scales, codes of w [rows][cols] f32 into
 * q (made by vq_qtensor_new).
 *   VQ_E_NUMERIC: NaN or Inf in w (says where). global_scale as from vq_global_scale_from_amax
 *   (ignored without second scale). The vector path
 * (kernels.h) must give the same codes and scales. */
vq_status vq_quantize_ref(vq_qtensor *q, const float *w, vq_global_scale global_scale,
                          vq_dtype arith, vq_err *e);
/* vq_dequantize_ref -- rows [r0, r0+n) to f32 out [n][cols]. */
void vq_dequantize_ref(const vq_qtensor *q, int64_t r0, int64_t n, float *out);

/* vq_arc_block -- width of the blocks by which a scheme takes residual channels; 0: it takes none.
 * Weight and input have 1 x n blocks of the same width, at most 1024; inputs have at most 8 bits,
 * no zero points, and scales made from each token. */
int64_t vq_arc_block(const vq_scheme *s);
/* Where ARC keeps channel i of an ordered row of k: blocks P0 .. P(n-s-1) as they are, then P R P R
 * ..., R the residual's copy. k and s are multiples of the block; the copy stands one block
 * further. The one place that knows this layout (spec: 2.4; test tests/unit/quant/test_arc.c). */
static inline int64_t vq_arc_column(int64_t i, int64_t k, int64_t s, int64_t block)
{
    const int64_t past = i / block - (k - s) / block;
    return i + (past > 0 ? past : 0) * block;
}

#endif
