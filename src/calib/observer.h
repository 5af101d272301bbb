/* observer.h -- observers turn statistics into the range that a static activation scale is made from. test tests/unit/test_observer.c */
#ifndef VQ_CALIB_OBSERVER_H
#define VQ_CALIB_OBSERVER_H

#include "base/arena.h"
#include "base/num.h"
#include "base/stats.h"

/* vq_stats_new -- the arrays that `needs` asks for, empty. */
vq_status vq_stats_new(vq_stats *s, const char *name, int64_t k, unsigned needs, vq_arena *a, vq_err *e);
/* vq_stats_add -- x [tokens][k]; threads own channels, tokens in order: same sums for every thread count. */
void vq_stats_add(vq_stats *s, const float *x, int64_t tokens);
/* vq_observe -- [lo, hi] of the whole input under num.observer (absmax, minmax, percentile:P). */
vq_status vq_observe(const vq_stats *s, const vq_num *num, float *lo, float *hi, vq_err *e);
/* vq_observer_needs -- vq_need bits of an observer. */
unsigned vq_observer_needs(vq_observer o);

#endif
