/* slice.h -- some columns of a value: q, k and v of one fused matrix. */
#ifndef VQ_MODEL_OP_SLICE_H
#define VQ_MODEL_OP_SLICE_H

#include "model/op/op.h"

extern const vq_op vq_op_slice; /* args: vq_slice; width: how many columns */
typedef struct vq_slice {
    int64_t first;
} vq_slice;

#endif
