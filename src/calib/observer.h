/* observer.h -- statistics of a linear's input, and the range of a static activation scale that is
 * made from them. test tests/unit/calib/test_observer.c */
#ifndef VQ_CALIB_OBSERVER_H
#define VQ_CALIB_OBSERVER_H

#include "base/num/num.h"
#include "calib/curvature.h"

/* vq_stats_new -- the arrays that `needs` asks for, from a, with nothing counted (min FLT_MAX, max
 * -FLT_MAX, sums 0); sizes as in base/exchange/stats.h. name is borrowed. VQ_E_LIMIT. */
vq_status vq_stats_new(vq_stats *s, const char *name, int64_t k, unsigned needs, vq_arena *a,
                       vq_err *e);
/* vq_stats_add -- a batch x [tokens][k] of finite inputs. Neither the number of threads nor the cut
 * of the samples into calls matters. VQ_NEED_HESSIAN: only the lower triangle is summed until the
 * end. */
void vq_stats_add(vq_stats *s, const vq_kernels *kr, const vq_rows *x);
/* vq_stats_end -- make the Hessian symmetric. VQ_E_NUMERIC: its sum is not finite. */
vq_status vq_stats_end(vq_stats *s, vq_err *e);
/* vq_observe -- [lo, hi] of the whole input under num->observer: absmax (symmetric), minmax, or
 * percentile:P, which is minmax clipped to the P-th percentile of |x| (from the histogram; within a
 * bin, 1/16 of the value, by interpolation). VQ_E_RECIPE: an observer for weights only.
 * VQ_E_NUMERIC: no tokens were seen. */
vq_status vq_observe(const vq_stats *s, const vq_num *num, float *lo, float *hi, vq_err *e);
/* vq_observer_needs -- vq_need bits of the statistics that vq_observe reads. */
unsigned vq_observer_needs(vq_observer o);

#endif
