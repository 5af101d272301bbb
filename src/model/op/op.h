/* op.h -- the ops: one file each (src/model/op/), up to four functions. Forward serves calibration
 * and eval; backward gives gradients, the dots (tangents of forward and backward) exact
 * Hessian-vector products. NULL: not needed by any pass so far. */
#ifndef VQ_MODEL_OP_OP_H
#define VQ_MODEL_OP_OP_H

#include "model/exec/exec.h"

/* Where a node finds its operands while one part runs. Scratch comes from exec->arena; what an op
 * takes it gives back, but for `coded`. */
typedef struct vq_frame {
    const vq_exec *exec;
    const vq_batch *batch;
    const int32_t *ids; /* embedding only */
    float **values;     /* by node id: [tokens][width], NULL when not live */
    int64_t tokens;
    const float *cos,
        *sin; /* [length][rope_half]: angles of the batch's positions; NULL in parts without rope */
    vq_arena_mark base; /* the arena when no coded input is held */
    int coded_value; /* value whose rotated and quantized form is held, -1 none: shared by linears
                      * that read it the same way */
    int64_t coded_hadamard; /* block of the rotation, 0 none */
    vq_act_spec coded_spec; /* num NULL: rotated only */
    float *coded;           /* [tokens][k + s] */
    /* Backward only. */
    float **grads; /* by node id: d loss / d value */
    float
        *into[VQ_OP_INPUTS]; /* where the gradient of each input of the node under way goes; written
                         * whole */
    const vq_grad_hooks *hooks; /* may be NULL */
} vq_frame;

/* vq_frame_drop_coded -- give the quantized input back. */
void vq_frame_drop_coded(vq_frame *f);

typedef vq_status (*vq_op_fn)(const vq_node *n, int id, vq_frame *f, vq_err *e);
typedef size_t (*vq_op_scratch)(const vq_node *n, const vq_exec *x, const vq_batch *b);
typedef struct vq_op {
    const char *name;
    bool in_place;   /* the output may lie where the first input lies; so may their gradients */
    bool back_reads; /* backward reads the values of the inputs (never that of the output) */
    vq_op_scratch scratch;      /* bytes that forward takes from the arena; NULL none */
    vq_op_scratch back_scratch; /* backward likewise */
    vq_op_fn forward, backward, forward_dot, backward_dot;
} vq_op;

extern const vq_op vq_op_embedding, vq_op_linear, vq_op_rms_norm, vq_op_head_norm, vq_op_rope,
    vq_op_attention, vq_op_silu_mul, vq_op_add;
const vq_op *vq_op_of(vq_op_kind k);

#endif
