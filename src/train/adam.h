/* adam.h -- Adam on a flat list of parameters, each with a unit of its own. test
 * tests/unit/train/test_adam.c */
#ifndef VQ_TRAIN_ADAM_H
#define VQ_TRAIN_ADAM_H

#include <stdint.h>

#include "base/arena.h"

typedef struct vq_adam {
    int64_t count, steps;
    float *mean, *square; /* [count] running moments of the gradient in units */
} vq_adam;

/* vq_adam_init -- moments [count] of zeros from the arena. VQ_E_LIMIT. */
vq_status vq_adam_init(vq_adam *a, int64_t count, vq_arena *arena, vq_err *e);
/* vq_adam_step -- one step: p [count] moves by about rate * unit[i] against g[i] = d loss / d p[i].
 * Decays 0.9 and 0.95: few steps. One thread.
 *  source arXiv 1412.6980, Algorithm 1 on p / unit */
void vq_adam_step(vq_adam *a, float *p, const float *g, const float *unit, double rate);

#endif
