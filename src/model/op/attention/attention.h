/* attention.h -- causal softmax(q k^T scale) v with grouped heads. */
#ifndef VQ_MODEL_OP_ATTENTION_ATTENTION_H
#define VQ_MODEL_OP_ATTENTION_ATTENTION_H

#include "model/op/op.h"

extern const vq_op vq_op_attention; /* args: vq_attention; operands q, k, v */
typedef struct vq_attention {
    float scale;       /* of the products of queries and keys, above 0 */
    int64_t window;    /* keys that a query sees, its own included; 0: all before it */
    float cap;         /* scores are cap * tanh(score / cap); 0: as they are */
    int64_t value_dim; /* channels of a head of v */
} vq_attention;

#endif
