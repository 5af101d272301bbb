/* stats.h -- what calibration knows about the input of a group of linears that share it (q/k/v,
 * gate/up, ...), and about each of them. The only thing that calib and quant have in common. Arrays
 * are owned by the arena (or the mapped file) that made them; NULL when not gathered. All sums are
 * plain sums over tokens, so that statistics of two sets of samples merge by adding. */
#ifndef VQ_BASE_EXCHANGE_STATS_H
#define VQ_BASE_EXCHANGE_STATS_H

#include <stdint.h>

typedef enum vq_need {                        /* what a pass asks calibration for: bits of a mask */
                       VQ_NEED_RANGE = 1,     /* min, max, absmax per channel */
                       VQ_NEED_TAIL = 2,      /* counts for ARC's official rule */
                       VQ_NEED_HISTOGRAM = 4, /* |x| histogram for percentile observers */
                       VQ_NEED_MEAN = 8,      /* sum of |x| per channel */
                       VQ_NEED_HESSIAN = 16,  /* sum of x x^T */
                       VQ_NEED_FISHER =
                           32, /* per linear: sum of |g|^2 x x^T, g = d loss / d output (a backward
                                * sweep) */
                       VQ_NEED_OUTPUT = 64 /* per linear: sum of g g^T (a backward sweep) */
} vq_need;
#define VQ_NEED_GRADIENT (VQ_NEED_FISHER | VQ_NEED_OUTPUT)

#define VQ_HIST_BINS                                                                               \
    4096 /* |x| by the upper 12 bits below the sign of its f32: 8 exponent + 4 mantissa */

/* Curvature of the end-to-end loss at one linear (spec 6.6): H ~ output (x) input. */
typedef struct vq_curvature {
    const char *name; /* module, borrowed */
    int64_t n;        /* output channels */
    float *input;  /* [k][k] symmetric, sum over tokens of |g|^2 x x^T  units: loss^2 weight^-2 per
                * output channel */
    float *output; /* [n][n] symmetric, sum over tokens of g g^T, without the first token of each
                 * sample */
} vq_curvature;

typedef struct vq_stats {
    const char *name; /* first linear of the group, borrowed */
    int64_t k;        /* input channels */
    int64_t tokens, samples;
    float *min, *max;      /* [k] units: activation */
    float *absmax;         /* [k] */
    double *abs_sum;       /* [k] sum of |x| */
    uint64_t tail_count;   /* entries (token, channel) with x > max_c(x)/8 of their token, signed:
                     * ARCQuant's code */
    uint64_t *histogram;   /* [VQ_HIST_BINS] counts of |x| */
    float *hessian;        /* [k][k] symmetric, sum of x x^T     units: activation^2 */
    vq_curvature *linears; /* [nlinears] in graph order; none without gradients */
    int nlinears;
    unsigned gathered; /* vq_need bits of what is here */
} vq_stats;

#endif
