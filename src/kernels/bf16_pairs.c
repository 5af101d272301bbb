/* bf16_pairs.c -- panels of bf16 pairs and their product by VDPBF16PS: two multiply-adds per lane
 * in one instruction. Compiled with -mavx512bf16 (cmake/kernels.cmake); called only where cpuid has
 * it. */
#include "kernels/bf16_product.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>

#define LANES 16
#define TILE_ROWS 8
#define TILE_VECTORS (VQ_PAIRS_COLS / LANES)

/* Where the pair p of 16 lanes goes: two panels of 8, or a part of a wider one. */
static inline void put(uint32_t *out, size_t lane, size_t padded, size_t width, size_t pitch,
                       size_t p, __m512i v)
{
    uint32_t *to = out + lane / width * pitch + p * width + lane % width;
    if (width >= LANES) {
        _mm512_storeu_si512(to, v);
        return;
    }
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_castsi512_si256(v));
    if (lane + width < padded)
        _mm256_storeu_si256((__m256i *)(void *)(to + pitch), _mm512_extracti64x4_epi64(v, 1));
}

static inline __mmask16 first_of(size_t n)
{
    return (__mmask16)(n >= LANES ? 0xFFFFU : (1U << n) - 1);
}

/* 16 x 16 matrix of u32, transposed. */
static inline void transpose(__m512i r[LANES])
{
    __m512i t[LANES];
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    }
}

/* 32 values of a row, from value `at` on, as 16 pairs; what lies beyond `left` is 0. */
static inline __m512i pairs_of_f32(const void *row, size_t at, size_t left)
{
    const float *x = (const float *)row + at;
    const __m512 low = _mm512_maskz_loadu_ps(first_of(left), x);
    const __m512 high = left > LANES ? _mm512_maskz_loadu_ps(first_of(left - LANES), x + LANES)
                                     : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

static inline __m512i pairs_of_bf16(const void *row, size_t at, size_t left)
{
    const __mmask32 here = left >= 2 * (size_t)LANES ? 0xFFFFFFFFU : (1U << left) - 1;
    return _mm512_maskz_loadu_epi16(here, (const unsigned char *)row + at * sizeof(uint16_t));
}

/* Bytes of a row, and how its pairs are read. */
static inline __attribute__((always_inline)) void
pack_lanes(const void *x, size_t row, __m512i (*pairs_at)(const void *, size_t, size_t),
           size_t lanes, size_t k, size_t width, size_t pitch, uint32_t *out)
{
    const size_t pairs = (k + 1) / 2, padded = (lanes + width - 1) / width * width;
    for (size_t lane = 0; lane < padded; lane += LANES) {
        for (size_t p = 0; p < pairs; p += LANES) {
            const size_t rows = lane >= lanes ? 0 : lanes - lane;
            __m512i r[LANES];
            for (size_t i = 0; i < LANES; i++)
                r[i] = i < rows
                           ? pairs_at((const unsigned char *)x + (lane + i) * row, 2 * p, k - 2 * p)
                           : _mm512_setzero_si512();
            transpose(r);
            for (size_t i = 0; i < LANES && p + i < pairs; i++)
                put(out, lane, padded, width, pitch, p + i, r[i]);
        }
    }
}

static void pack_rows(const float *x, size_t ld, size_t lanes, size_t k, size_t width, size_t pitch,
                      uint32_t *out)
{
    pack_lanes(x, ld * sizeof *x, pairs_of_f32, lanes, k, width, pitch, out);
}

static void pack_stored(const void *x, size_t ld, size_t lanes, size_t k, size_t width,
                        size_t pitch, uint32_t *out)
{
    pack_lanes(x, ld * sizeof(uint16_t), pairs_of_bf16, lanes, k, width, pitch, out);
}

static void pack_cols(const float *x, size_t ld, size_t lanes, size_t k, size_t width, size_t pitch,
                      uint32_t *out)
{
    static const uint16_t turn[2 * LANES] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                             21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                             11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_loadu_si512(turn);
    const size_t pairs = (k + 1) / 2, padded = (lanes + width - 1) / width * width;
    for (size_t p = 0; p < pairs; p++) {
        const float *even = x + 2 * p * ld, *odd = even + ld;
        const bool both = 2 * p + 1 < k;
        for (size_t lane = 0; lane < padded; lane += LANES) {
            const __mmask16 mask = lane >= lanes ? 0 : first_of(lanes - lane);
            const __m512 low = _mm512_maskz_loadu_ps(mask, even + lane),
                         high = _mm512_maskz_loadu_ps(both ? mask : 0, odd + lane);
            put(out, lane, padded, width, pitch, p,
                _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low)));
        }
    }
}

static void tile(const uint32_t *a, size_t step, const uint32_t *b, size_t pairs, bool add,
                 float *c, size_t ldc)
{
    __m512 sum[TILE_ROWS][TILE_VECTORS];
    for (int i = 0; i < TILE_ROWS; i++) {
        for (int j = 0; j < TILE_VECTORS; j++) {
            sum[i][j] = _mm512_setzero_ps();
            _mm_prefetch((const char *)(c + (size_t)i * ldc + (size_t)j * LANES), _MM_HINT_T0);
        }
    }
    for (size_t p = 0; p < pairs; p++, a += step, b += VQ_PAIRS_COLS) {
        __m512bh col[TILE_VECTORS];
        for (int j = 0; j < TILE_VECTORS; j++) col[j] = (__m512bh)_mm512_loadu_si512(b + j * LANES);
        for (int i = 0; i < TILE_ROWS; i++) {
            const __m512bh row = (__m512bh)_mm512_set1_epi32((int)a[i]);
            for (int j = 0; j < TILE_VECTORS; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], row, col[j]);
        }
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        for (int j = 0; j < TILE_VECTORS; j++) {
            float *to = c + (size_t)i * ldc + (size_t)j * LANES;
            _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i][j]) : sum[i][j]);
        }
    }
}

const vq_bf16_pairs *vq_bf16_pairs_avx512(void)
{
    static const vq_bf16_pairs pairs = {.name = "avx512_bf16",
                                        .rows = TILE_ROWS,
                                        .whole = 1,
                                        .same_sides = true,
                                        .pack_a = {pack_rows, pack_cols},
                                        .pack_b = {pack_rows, pack_cols},
                                        .pack_stored = pack_stored,
                                        .tile = tile};
    return __builtin_cpu_supports("avx512bf16") ? &pairs : NULL;
}
#else
const vq_bf16_pairs *vq_bf16_pairs_avx512(void)
{
    return NULL;
}
#endif
