/* op.h -- the ops: one file each (src/model/op/), up to four functions. Forward serves calibration and eval; backward gives gradients, the dots
 * (tangents of forward and backward) exact Hessian-vector products. NULL: not needed by any pass so far. */
#ifndef VQ_MODEL_OP_H
#define VQ_MODEL_OP_H

#include "model/exec.h"

/* Where a node finds its operands while one part runs. */
typedef struct vq_frame {
    const vq_exec *exec;
    const vq_batch *batch;
    const int32_t *ids;       /* embedding only */
    float **values;           /* by node id: [tokens][width], NULL when not live */
    int64_t tokens;
} vq_frame;

typedef vq_status (*vq_op_fn)(const vq_node *n, int id, vq_frame *f, vq_err *e);
typedef struct vq_op {
    const char *name;
    vq_op_fn forward, backward, forward_dot, backward_dot;
} vq_op;

extern const vq_op vq_op_embedding, vq_op_linear, vq_op_rms_norm, vq_op_head_norm, vq_op_rope, vq_op_attention, vq_op_silu_mul, vq_op_add;
const vq_op *vq_op_of(vq_op_kind k);

#endif
