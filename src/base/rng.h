/* rng.h -- counter-based random numbers: the n-th draw of a seed is a function of both, so no order
 * of work can change it. */
#ifndef VQ_BASE_RNG_H
#define VQ_BASE_RNG_H

#include <stdint.h>

/* vq_rng_at -- 64 random bits for (seed, counter): splitmix64's finalizer over both. test
 * tests/unit/base/test_rng.c */
static inline uint64_t vq_rng_at(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15U + counter * 0xbf58476d1ce4e5b9U + 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* vq_rng_unit -- uniform in [0, 1) with 53 bits. */
static inline double vq_rng_unit(uint64_t seed, uint64_t counter)
{
    return (double)(vq_rng_at(seed, counter) >> 11) * 0x1p-53;
}

#endif
