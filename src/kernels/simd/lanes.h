/* lanes.h -- vectors of one ISA level: every file of simd/ is compiled once per level with VQ_ISA
 * (its name) and VQ_VEC (bytes of a vector).
 *
 * Elementwise code gives the same bits for every width. Reductions keep 16 partial results, element
 * i in partial i % 16, and halve them in a fixed tree (8, 4, 2, 1), so they too give the same bits
 * at every level. */
#ifndef VQ_KERNELS_SIMD_LANES_H
#define VQ_KERNELS_SIMD_LANES_H

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/kernels.h"

#define VQ_JOIN_(name, isa) vq_##name##_##isa
#define VQ_JOIN(name, isa) VQ_JOIN_(name, isa)
#define VQ_FN(name) VQ_JOIN(name, VQ_ISA)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_KERNEL(ret, name, args) ret VQ_FN(name) args;
#include "kernels/kernels.inc"
#undef VQ_KERNEL

#define VQ_L (VQ_VEC / 4) /* floats of a vector */
#define VQ_PARTS 16       /* partial results of a reduction */
#define VQ_ACC (VQ_PARTS / VQ_L)
#define VQ_ACCD (2 * VQ_ACC)

typedef float vf __attribute__((vector_size(VQ_VEC)));
typedef int32_t vi __attribute__((vector_size(VQ_VEC)));
typedef uint32_t vu __attribute__((vector_size(VQ_VEC)));
typedef double vd __attribute__((vector_size(VQ_VEC)));
typedef int64_t vl __attribute__((vector_size(VQ_VEC)));
typedef float vf_half __attribute__((vector_size(VQ_VEC / 2)));
typedef uint16_t vu16 __attribute__((vector_size(VQ_VEC / 2)));
typedef uint8_t vu8 __attribute__((vector_size(VQ_VEC / 4)));

static inline vf vf_load(const float *x)
{
    vf v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void vf_store(float *x, vf v)
{
    memcpy(x, &v, sizeof v);
}

/* vf_load_n -- n < VQ_L floats, the other lanes `fill`. */
static inline vf vf_load_n(const float *x, size_t n, float fill)
{
    float lane[VQ_L];
    for (size_t i = 0; i < VQ_L; i++) lane[i] = i < n ? x[i] : fill;
    return vf_load(lane);
}

static inline void vf_store_n(float *x, size_t n, vf v)
{
    float lane[VQ_L];
    vf_store(lane, v);
    for (size_t i = 0; i < n; i++) x[i] = lane[i];
}

static inline vf vf_all(float x)
{
    return x - (vf){0};
}

static inline vi vi_all(int32_t x)
{
    return x - (vi){0};
}

static inline vi vi_pick(vi mask, vi yes, vi no)
{
    return (mask & yes) | (~mask & no);
}

static inline vf vf_pick(vi mask, vf yes, vf no)
{
    return (vf)vi_pick(mask, (vi)yes, (vi)no);
}

/* vf_max, vf_min, vi_of_u8, vu8_of, vf_lookup -- one instruction or few where the compiler does not
 * find them by itself. Ties and NaN give the second operand of max and min; vu8_of keeps the low
 * byte; vf_lookup is entry `at` (0 to 15) of 16. */
#define VQ_ENTRIES (16 / VQ_L) /* vectors of a table of 16 */
#if VQ_VEC == 64
static inline vf vf_max(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}

static inline vf vf_min(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}

static inline vi vi_of_u8(vu8 c)
{
    return (vi)_mm512_cvtepu8_epi32((__m128i)c);
}

static inline vu8 vu8_of(vi c)
{
    return (vu8)_mm512_cvtepi32_epi8((__m512i)c);
}

static inline vf vf_lookup(const vf table[VQ_ENTRIES], vi at)
{
    return (vf)_mm512_permutexvar_ps((__m512i)at, (__m512)table[0]);
}
#elif VQ_VEC == 32
static inline vf vf_max(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}

static inline vf vf_min(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}

static inline vi vi_of_u8(vu8 c)
{
    long long low;
    memcpy(&low, &c, sizeof low);
    return (vi)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(low));
}

static inline vu8 vu8_of(vi c)
{
    const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4,
                                          8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
    const __m256i bytes = _mm256_shuffle_epi8((__m256i)c, pick);
    const long long low = _mm_cvtsi128_si64(
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
    vu8 out;
    memcpy(&out, &low, sizeof out);
    return out;
}

static inline vf vf_lookup(const vf table[VQ_ENTRIES], vi at)
{
    const __m256 low = _mm256_permutevar8x32_ps((__m256)table[0], (__m256i)at);
    const __m256 high = _mm256_permutevar8x32_ps((__m256)table[1], (__m256i)at);
    return (vf)_mm256_blendv_ps(low, high, (__m256)(at << 28)); /* by the bit of 8 */
}
#else
static inline vf vf_max(vf a, vf b)
{
    return vf_pick(a > b, a, b);
}

static inline vf vf_min(vf a, vf b)
{
    return vf_pick(a < b, a, b);
}

static inline vi vi_of_u8(vu8 c)
{
    return __builtin_convertvector(c, vi);
}

static inline vu8 vu8_of(vi c)
{
    return __builtin_convertvector((vu)c, vu8);
}

static inline vf vf_lookup(const vf table[VQ_ENTRIES], vi at)
{
    vf x;
    for (int i = 0; i < VQ_L; i++) x[i] = table[at[i] / VQ_L][at[i] % VQ_L];
    return x;
}
#endif

static inline vi vf_magnitude(vf x)
{
    return (vi)x & 0x7FFFFFFF;
}

/* vf_rint -- nearest even of |x| < 2^22. */
static inline vi vf_rint(vf x)
{
    return (vi)(x + 12582912.0F) - 0x4B400000;
}

/* vf_round_bf16 -- nearest even, not for NaN. */
static inline vf vf_round_bf16(vf x)
{
    const vu bits = (vu)x;
    return (vf)((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000U);
}

#if VQ_VEC == 64
#define VQ_LOW 0, 1, 2, 3, 4, 5, 6, 7
#define VQ_HIGH 8, 9, 10, 11, 12, 13, 14, 15
#elif VQ_VEC == 32
#define VQ_LOW 0, 1, 2, 3
#define VQ_HIGH 4, 5, 6, 7
#else
#define VQ_LOW 0, 1
#define VQ_HIGH 2, 3
#endif

/* vf_widen -- the lower or upper half as doubles. */
static inline void vf_widen(vf x, vd out[2])
{
    const vf_half low = __builtin_shufflevector(x, x, VQ_LOW),
                  high = __builtin_shufflevector(x, x, VQ_HIGH);
    out[0] = __builtin_convertvector(low, vd);
    out[1] = __builtin_convertvector(high, vd);
}

/* VQ_REDUCE -- a function that brings 16 partial results to one by op (min, max, add), in the order
 * 8, 4, 2, 1. */
#if VQ_VEC >= 32
#define VQ_REDUCE(name, op)                                                                        \
    static inline float name(const vf part[VQ_ACC])                                                \
    {                                                                                              \
        const __m256 y = _mm256_##op##_ps(vf_part(part, 0), vf_part(part, 1));                     \
        __m128 z = _mm_##op##_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));          \
        z = _mm_##op##_ps(z, _mm_movehl_ps(z, z));                                                 \
        return _mm_cvtss_f32(_mm_##op##_ps(z, _mm_shuffle_ps(z, z, 1)));                           \
    }

/* Partial results 0 to 7 or 8 to 15. */
static inline __m256 vf_part(const vf part[VQ_ACC], int upper)
{
#if VQ_VEC == 64
    return upper ? _mm512_extractf32x8_ps((__m512)part[0], 1)
                 : _mm512_castps512_ps256((__m512)part[0]);
#else
    return (__m256)part[upper];
#endif
}
#else
#define vf_add(a, b) ((a) + (b))
#define VQ_REDUCE(name, op)                                                                        \
    static inline float name(const vf part[VQ_ACC])                                                \
    {                                                                                              \
        const vf low = vf_##op(part[0], part[2]), high = vf_##op(part[1], part[3]);                \
        vf x = vf_##op(low, high);                                                                 \
        x = vf_##op(x, __builtin_shufflevector(x, x, 2, 3, 2, 3));                                 \
        return vf_##op(x, __builtin_shufflevector(x, x, 1, 1, 3, 3))[0];                           \
    }
#endif
VQ_REDUCE(vf_lowest, min)
VQ_REDUCE(vf_highest, max)
VQ_REDUCE(vf_total, add)

/* 16 partial sums in f64; vd_total adds them up in the same tree. */
typedef struct vq_sum {
    vd part[VQ_ACCD];
} vq_sum;

static inline double vd_total(const vq_sum *s)
{
    double p[VQ_PARTS];
    memcpy(p, s->part, sizeof p);
    for (size_t step = VQ_PARTS / 2; step > 0; step /= 2)
        for (size_t i = 0; i < step; i++) p[i] += p[i + step];
    return p[0];
}

/* vq_pad -- the last n < 16 elements of a row as a full step. */
static inline void vq_pad(float tail[VQ_PARTS], const float *x, size_t n, float fill)
{
    for (size_t i = 0; i < VQ_PARTS; i++) tail[i] = i < n ? x[i] : fill;
}

#endif
