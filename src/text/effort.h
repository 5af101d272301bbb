/* effort.h -- what encoding or decoding a text may still take: steps of regular expressions, and
 * time, because one step of a pattern may read a text from end to end. test
 * tests/unit/text/test_hostile_tokenizer.c */
#ifndef VQ_TEXT_EFFORT_H
#define VQ_TEXT_EFFORT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct vq_effort {
    uint64_t steps;                    /* of backtracking that are left to the whole text */
    double until;                      /* seconds of this thread's processor time; 0: no end */
    const volatile sig_atomic_t *stop; /* may be NULL; nonzero: leave */
    uint64_t work;                     /* bytes looked at since the clock was */
    double own;                        /* seconds of `until` that cost nothing else */
    double *pool;                      /* what further ones are taken from; may be NULL */
} vq_effort;

enum { VQ_EFFORT_POOL_MS = 500 };
/* vq_effort_for -- for a text of n bytes. Ordinary patterns take a few steps and some tens of
 * nanoseconds per byte, and 0.5 ms and 2 us per byte are every text's own. The rest is room for odd
 * ones on short texts: *pool seconds, which the texts of a file share (NULL: 0.5 s). */
vq_effort vq_effort_for(size_t n, const volatile sig_atomic_t *stop, double *pool);
/* vq_effort_done -- the text is done: take what it needed beyond its own from the pool. */
void vq_effort_done(const vq_effort *x);
/* vq_effort_spend -- count work, and look at the clock now and then. VQ_E_INPUT: it takes too long;
 * VQ_E_STOPPED. */
vq_status vq_effort_spend(vq_effort *x, uint64_t bytes, vq_err *e);

#endif
