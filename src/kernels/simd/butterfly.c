/* butterfly.c -- block Hadamard transform of one row: butterflies in the order 1, 2, 4, ..., the same sums at every level. */
#include <math.h>

#include "kernels/simd/lanes.h"

/* Lane i holds lane i ^ h. */
#if VQ_VEC == 64
#define SWAPPED(v, h)                                                                                                                      \
    __builtin_shufflevector(v, v, 0 ^ (h), 1 ^ (h), 2 ^ (h), 3 ^ (h), 4 ^ (h), 5 ^ (h), 6 ^ (h), 7 ^ (h), 8 ^ (h), 9 ^ (h), 10 ^ (h),      \
                            11 ^ (h), 12 ^ (h), 13 ^ (h), 14 ^ (h), 15 ^ (h))
#elif VQ_VEC == 32
#define SWAPPED(v, h) __builtin_shufflevector(v, v, 0 ^ (h), 1 ^ (h), 2 ^ (h), 3 ^ (h), 4 ^ (h), 5 ^ (h), 6 ^ (h), 7 ^ (h))
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

void VQ_FN(hadamard_row)(float *x, size_t n, size_t block)
{
    const float unit = (float)(1.0 / sqrt((double)block));
    for (size_t at = 0; at < n; at += block) {
        float *y = x + at;
        for (size_t i = 0; i < block; i += VQ_L) vf_store(y + i, within_vector(vf_load(y + i)));
        for (size_t h = VQ_L; h < block; h *= 2) across_vectors(y, block, h);
        for (size_t i = 0; i < block; i += VQ_L) vf_store(y + i, vf_load(y + i) * unit);
    }
}
