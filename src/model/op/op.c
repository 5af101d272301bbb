/* op.c -- the table of ops. */
#include "model/op/op.h"

const vq_op *vq_op_of(vq_op_kind k)
{
    static const vq_op *const ops[VQ_OPS] = {
        [VQ_OP_EMBEDDING] = &vq_op_embedding, [VQ_OP_LINEAR] = &vq_op_linear,
        [VQ_OP_RMS_NORM] = &vq_op_rms_norm,   [VQ_OP_HEAD_NORM] = &vq_op_head_norm,
        [VQ_OP_ROPE] = &vq_op_rope,           [VQ_OP_ATTENTION] = &vq_op_attention,
        [VQ_OP_SILU_MUL] = &vq_op_silu_mul,   [VQ_OP_ADD] = &vq_op_add,
    };
    return ops[k];
}
