/* rope.h -- rotary embedding: the channel pairs of each head are turned by the angles of the
 * token's
 * position. test tests/unit/model/test_exec.c, tests/families/test_families.c */
#ifndef VQ_MODEL_OP_ATTENTION_ROPE_H
#define VQ_MODEL_OP_ATTENTION_ROPE_H

#include "model/op/op.h"

/* Angles per position, shared by the nodes that turn by them. */
struct vq_rope_table {
    int64_t half;          /* pairs */
    const float *inv_freq; /* [half] angle per position */
    float scale;           /* on cos and sin (attention factor) */
    /* Frequencies that depend on how long the sequence is by now. */
    const float *long_freq; /* [half] beyond `trained` positions; NULL: always inv_freq */
    int64_t trained;
    double dynamic_factor, theta; /* above 0: beyond `trained` the base grows (dynamic NTK) */
};

extern const vq_op vq_op_rope; /* args: vq_rope; heads of head_dim channels */
typedef struct vq_rope {
    const vq_rope_table *table;
    int64_t first;         /* channels [first, first + 2 half) of each head turn */
    const int32_t *orders; /* [order_heads][head_dim] or NULL: channel i of a head is order[i] of
                            * the model as trained, which the angles go by */
    int64_t order_heads;   /* query heads follow the key head that they read */
} vq_rope;

/* vq_rope_set_orders -- node `id` turns by these orders from now on; its args are new, from a. */
vq_status vq_rope_set_orders(vq_graph *g, int id, const int32_t *orders, int64_t order_heads,
                             vq_arena *a, vq_err *e);

const vq_angles *vq_angles_find(const vq_angles *list, const vq_rope_table *t);
/* vq_angles_make -- of the batch's positions, in front of the list. */
vq_status vq_angles_make(const vq_angles **list, const vq_rope_table *t, const vq_batch *b,
                         vq_arena *a, vq_err *e);
size_t vq_angles_bytes(const vq_rope_table *t, const vq_batch *b);

#endif
