/* bf16_amx.c -- products of bf16 pairs by TDPBF16PS: 16 x 16 sums of 16 pairs in one instruction.
 * Compiled with -mamx-bf16 (cmake/kernels.cmake); called only where the processor and the system
 * have it. */
#include "kernels/bf16_product.h"

#if defined(__AMX_BF16__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Side of a tile register: rows, and pairs or sums of a row. */
#define SIDE 16
#define TILE_ROWS VQ_PAIRS_ROWS_MOST
#define STRIDE (VQ_PAIRS_COLS * sizeof(uint32_t))

/* Of linux/prctl for x86: tile registers take a kilobyte each, so Linux wants to be asked. */
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

/* gcc 12 does not know that tile loads and stores touch memory. */
#define MEMORY_CHANGES() __asm__ volatile("" ::: "memory")

static inline __mmask16 first_of(size_t n)
{
    return (__mmask16)(n >= SIDE ? 0xFFFFU : (1U << n) - 1);
}

/* Panels [rows][pairs], pairs a multiple of 16: pitch / width. */
static void pack_rows(const float *x, size_t ld, size_t lanes, size_t k, size_t width, size_t pitch,
                      uint32_t *out)
{
    const size_t pairs = pitch / width, padded = (lanes + width - 1) / width * width;
    for (size_t lane = 0; lane < padded; lane++, out += pairs) {
        const size_t end = lane < lanes ? k : 0;
        for (size_t p = 0; p < 2 * pairs; p += 2 * SIDE) {
            const size_t left = p < end ? end - p : 0;
            const __m512 low = _mm512_maskz_loadu_ps(first_of(left), x + lane * ld + p),
                         high = left > SIDE ? _mm512_maskz_loadu_ps(first_of(left - SIDE),
                                                                    x + lane * ld + p + SIDE)
                                            : _mm512_setzero_ps();
            _mm512_storeu_si512(out + p / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
    }
}

/* 16 values of two rows of x are a pair of each of 16 lanes. */
static void pack_cols(const float *x, size_t ld, size_t lanes, size_t k, size_t width, size_t pitch,
                      uint32_t *out)
{
    const size_t pairs = pitch / width, padded = (lanes + width - 1) / width * width;
    for (size_t p = 0; p < pairs; p++) {
        const float *even = x + 2 * p * ld;
        for (size_t lane = 0; lane < padded; lane += SIDE) {
            const __mmask16 here = lane < lanes ? first_of(lanes - lane) : 0;
            const __m512 low = _mm512_maskz_loadu_ps(2 * p < k ? here : 0, even + lane),
                         high = _mm512_maskz_loadu_ps(2 * p + 1 < k ? here : 0, even + ld + lane);
            const __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low)),
                          b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
            uint32_t made[SIDE];
            _mm512_storeu_si512(made, _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
            for (size_t i = 0; i < SIDE; i++) out[(lane + i) * pairs + p] = made[i];
        }
    }
}

/* 64 bytes as LDTILECFG wants them: eight registers of 16 rows of 64 bytes. */
typedef struct registers {
    uint8_t palette, start_row, none[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} registers;

/* Registers 0 to 5 are C's sums, 6 is A's, 7 B's; each of B is loaded once, A's in turn. */
static void sum_pairs(const uint32_t *a, size_t step, const uint32_t *b, size_t pairs, float *c,
                      size_t ldc)
{
    static const registers all = {1,
                                  0,
                                  {0},
                                  {64, 64, 64, 64, 64, 64, 64, 64},
                                  {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};
    const size_t row = step * sizeof *a, to = ldc * sizeof *c;
    const uint32_t *low = a + SIDE * step;
    _tile_loadconfig(&all);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    MEMORY_CHANGES();
    for (size_t p = 0; p < pairs; p += SIDE, b += (size_t)SIDE * VQ_PAIRS_COLS) {
        _tile_loadd(7, b, STRIDE);
        _tile_loadd(6, a + p, row);
        _tile_dpbf16ps(0, 6, 7);
        _tile_loadd(6, low + p, row);
        _tile_dpbf16ps(3, 6, 7);
        _tile_loadd(7, b + SIDE, STRIDE);
        _tile_dpbf16ps(4, 6, 7);
        _tile_loadd(6, a + p, row);
        _tile_dpbf16ps(1, 6, 7);
        _tile_loadd(7, b + 2 * SIDE, STRIDE);
        _tile_dpbf16ps(2, 6, 7);
        _tile_loadd(6, low + p, row);
        _tile_dpbf16ps(5, 6, 7);
    }
    float *const half = c + SIDE * ldc;
    _tile_stored(0, c, to);
    _tile_stored(1, c + SIDE, to);
    _tile_stored(2, c + 2 * SIDE, to);
    _tile_stored(3, half, to);
    _tile_stored(4, half + SIDE, to);
    _tile_stored(5, half + 2 * SIDE, to);
    MEMORY_CHANGES();
    _tile_release();
}

/* A row of C has the same bits in a whole tile and in a ragged one: the sum is made, then added. */
static void tile(const uint32_t *a, size_t step, const uint32_t *b, size_t pairs, bool add,
                 float *c, size_t ldc)
{
    _Alignas(64) float made[TILE_ROWS * VQ_PAIRS_COLS];
    if (!add) {
        sum_pairs(a, step, b, pairs, c, ldc);
        return;
    }
    sum_pairs(a, step, b, pairs, made, VQ_PAIRS_COLS);
    for (size_t i = 0; i < TILE_ROWS; i++)
        for (size_t j = 0; j < VQ_PAIRS_COLS; j++) c[i * ldc + j] += made[i * VQ_PAIRS_COLS + j];
}

const vq_bf16_pairs *vq_bf16_pairs_amx(void)
{
    static vq_bf16_pairs pairs;
    const vq_bf16_pairs *of_b = vq_bf16_pairs_avx512();
    if (!of_b || syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0) return NULL;
    pairs = (vq_bf16_pairs){.name = "amx_bf16",
                            .rows = TILE_ROWS,
                            .whole = SIDE,
                            .pack_a = {pack_rows, pack_cols},
                            .pack_b = {of_b->pack_b[0], of_b->pack_b[1]},
                            .pack_stored = of_b->pack_stored,
                            .tile = tile};
    return &pairs;
}
#else
const vq_bf16_pairs *vq_bf16_pairs_amx(void)
{
    return NULL;
}
#endif
