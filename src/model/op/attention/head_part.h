/* head_part.h -- some channels of every head, and behind them what all heads share. */
#ifndef VQ_MODEL_OP_ATTENTION_HEAD_PART_H
#define VQ_MODEL_OP_ATTENTION_HEAD_PART_H

#include "model/op/op.h"

/* Operand 0: heads of `of` channels; operand 1 (may be missing): one row of head_dim - count
 * channels for all heads of a token. y: heads of head_dim channels. test tests/families */
extern const vq_op vq_op_head_part;
typedef struct vq_head_part {
    int64_t of, first, count; /* channels [first, first + count) of each head of operand 0 */
} vq_head_part;

#endif
