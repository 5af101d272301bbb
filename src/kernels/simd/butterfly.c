/* butterfly.c -- block Hadamard transform of one row: butterflies in the order 1, 2, 4, ..., then
 * the Paley factor; the same sums at every level. */
#include <math.h>

#include "base/num/hadamard_matrix.h"
#include "kernels/simd/lanes.h"

/* Lane i holds lane i ^ h. */
#if VQ_VEC == 64
#define SWAPPED(v, h)                                                                              \
    __builtin_shufflevector(v, v, 0 ^ (h), 1 ^ (h), 2 ^ (h), 3 ^ (h), 4 ^ (h), 5 ^ (h), 6 ^ (h),   \
                            7 ^ (h), 8 ^ (h), 9 ^ (h), 10 ^ (h), 11 ^ (h), 12 ^ (h), 13 ^ (h),     \
                            14 ^ (h), 15 ^ (h))
#elif VQ_VEC == 32
#define SWAPPED(v, h)                                                                              \
    __builtin_shufflevector(v, v, 0 ^ (h), 1 ^ (h), 2 ^ (h), 3 ^ (h), 4 ^ (h), 5 ^ (h), 6 ^ (h),   \
                            7 ^ (h))
#else
#define SWAPPED(v, h) __builtin_shufflevector(v, v, 0 ^ (h), 1 ^ (h), 2 ^ (h), 3 ^ (h))
#endif

/* v with the sign turned in lanes whose number has bit h. */
static inline vf turn(vf v, int32_t h)
{
    static const int32_t number[VQ_PARTS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vi lane;
    memcpy(&lane, number, sizeof lane);
    return (vf)((vi)v ^ (((lane & h) != 0) & INT32_MIN));
}

static inline vf within_vector(vf v)
{
    v = SWAPPED(v, 1) + turn(v, 1);
    v = SWAPPED(v, 2) + turn(v, 2);
#if VQ_VEC >= 32
    v = SWAPPED(v, 4) + turn(v, 4);
#endif
#if VQ_VEC == 64
    v = SWAPPED(v, 8) + turn(v, 8);
#endif
    return v;
}

static inline void across_vectors(float *x, size_t block, size_t h)
{
    for (size_t i = 0; i < block; i += 2 * h) {
        for (size_t j = i; j < i + h; j += VQ_L) {
            const vf a = vf_load(x + j), b = vf_load(x + j + h);
            vf_store(x + j, a + b);
            vf_store(x + j + h, a - b);
        }
    }
}

static inline void sylvester(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VQ_L) vf_store(x + i, within_vector(vf_load(x + i)));
    for (size_t h = VQ_L; h < n; h *= 2) across_vectors(x, n, h);
}

/* x [m][run] becomes the Paley matrix times x; its entries of -1 as sign bits. */
static void paley(float *x, size_t m, size_t run, const int8_t *signs)
{
    vf in[VQ_HADAMARD_CORE];
    for (size_t c = 0; c < run; c += VQ_L) {
        for (size_t j = 0; j < m; j++) in[j] = vf_load(x + j * run + c);
        for (size_t i = 0; i < m; i++) {
            vf sum = in[0];
            if (signs[i * m] < 0) sum = -sum;
            for (size_t j = 1; j < m; j++) sum += (vf)((vi)in[j] ^ (signs[i * m + j] & INT32_MIN));
            vf_store(x + i * run + c, sum);
        }
    }
}

void VQ_FN(hadamard_row)(float *x, size_t n, size_t block)
{
    int8_t signs[VQ_HADAMARD_CORE * VQ_HADAMARD_CORE];
    const float unit = (float)(1.0 / sqrt((double)block));
    const size_t m = (size_t)vq_hadamard_core((int64_t)block), run = block / m;
    if (m > 1) vq_hadamard_signs((int64_t)m, signs);
    for (size_t at = 0; at < n; at += block) {
        float *y = x + at;
        for (size_t i = 0; i < block; i += run) sylvester(y + i, run);
        if (m > 1) paley(y, m, run, signs);
        for (size_t i = 0; i < block; i += VQ_L) vf_store(y + i, vf_load(y + i) * unit);
    }
}
