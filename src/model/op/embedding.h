/* embedding.h -- rows of a table: by token id, or by position. */
#ifndef VQ_MODEL_OP_EMBEDDING_H
#define VQ_MODEL_OP_EMBEDDING_H

#include "model/op/op.h"

extern const vq_op vq_op_embedding; /* args: vq_embedding or NULL; in_width: rows of the table */
typedef struct vq_embedding {
    float scale; /* of every row, in f32 */
} vq_embedding;

extern const vq_op vq_op_position; /* y = x + table[position + offset]; args: vq_position */
typedef struct vq_position {
    int64_t offset; /* rows of the table before position 0 */
} vq_position;

#endif
