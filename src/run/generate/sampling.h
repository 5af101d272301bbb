/* sampling.h -- which token follows: the most likely one, or a draw. test
 * tests/unit/run/test_sampling.c */
#ifndef VQ_RUN_GENERATE_SAMPLING_H
#define VQ_RUN_GENERATE_SAMPLING_H

#include <stdint.h>

typedef struct vq_sampling {
    double temperature; /* 0: the most likely token, of equal ones the lowest id */
    double top_p;       /* of the softmax, 1: all */
    int64_t top_k;      /* 0: all */
    uint64_t seed;
} vq_sampling;

typedef struct vq_candidate {
    float logit;
    int32_t id;
} vq_candidate;

/* vq_sample -- the token that follows at `position`. logits [vocab]; room [vocab] is scratch, unused
 * without temperature. Drawn are the top_k largest logits, of these (softmax at the temperature) as
 * many of the likeliest as it takes for a mass of top_p, in the order of transformers' filters; the
 * draw is the inverse of the cumulative sum over them, likeliest first, with vq_rng_unit(seed,
 * position). -1: a logit is NaN, or none is finite. */
int32_t vq_sample(const vq_sampling *s, const float *logits, int64_t vocab, uint64_t position,
                  vq_candidate *room);

#endif
