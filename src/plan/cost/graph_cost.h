/* graph_cost.h -- what a block and the head compute and hold, counted from the nodes of the graph.
 * test tests/unit/plan/test_plan_time.c */
#ifndef VQ_PLAN_COST_GRAPH_COST_H
#define VQ_PLAN_COST_GRAPH_COST_H

#include "model/walk/groups.h"
#include "plan/cost/cost.h"

/* One pass over `tokens` tokens of a block in `batches` runs; every token sees `keys` keys on
 * average. */
typedef struct vq_pass_shape {
    const vq_graph *graph;
    double tokens, batches, keys;
    bool plain; /* in f32, not as a sweep does it */
} vq_pass_shape;

/* vq_cost_add_block -- block `layer` forwards. vq_cost_add_block_back -- forwards once more, and
 * back. vq_cost_add_head -- `products` products of the tokens with the matrix of the head. */
void vq_cost_add_block(vq_cost *c, const vq_pass_shape *s, int layer);
void vq_cost_add_block_back(vq_cost *c, const vq_pass_shape *s, int layer);
void vq_cost_add_head(vq_cost *c, const vq_pass_shape *s, double products);
/* vq_cost_add_observers -- the sums that `needs` (vq_need bits) asks for, over the inputs of a
 * block's groups and over the gradients at the outputs of its linears. */
void vq_cost_add_observers(vq_cost *c, const vq_graph *g, int layer, double tokens, unsigned needs);

/* vq_group_bytes -- bytes of the statistics of `needs` (vq_need bits) of one group. */
uint64_t vq_group_bytes(const vq_graph *graph, const vq_linear_group *g, unsigned needs);
/* vq_block_weights -- floats of the weights of the largest block. */
uint64_t vq_block_weights(const vq_graph *g);

#endif
