/* stats.h -- what calibration knows about the input of a group of linears that share it (q/k/v, gate/up, ...).
 * The only thing that calib and quant have in common. Arrays are owned by the arena that made them; NULL when not gathered. */
#ifndef VQ_BASE_STATS_H
#define VQ_BASE_STATS_H

#include <stdint.h>

typedef enum vq_need {                       /* what a pass asks calibration for: bits of a mask */
                       VQ_NEED_RANGE = 1,    /* min, max, absmax per channel */
                       VQ_NEED_TAIL = 2,     /* counts for ARC's official rule */
                       VQ_NEED_HISTOGRAM = 4 /* |x| histogram for percentile observers */
} vq_need;

#define VQ_HIST_BINS 4096 /* |x| by the upper 12 bits below the sign of its f32: 8 exponent + 4 mantissa */

typedef struct vq_stats {
    const char *name; /* first linear of the group, borrowed */
    int64_t k;        /* input channels */
    int64_t tokens;
    float *min, *max;    /* [k] units: activation */
    float *absmax;       /* [k] */
    uint64_t tail_count; /* entries (token, channel) with x > max_c(x)/8 of their token, signed: ARCQuant's code */
    uint64_t *histogram; /* [VQ_HIST_BINS] counts of |x| */
    unsigned gathered;   /* vq_need bits of what is here */
} vq_stats;

#endif
