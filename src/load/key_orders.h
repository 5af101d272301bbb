/* key_orders.h -- orders of key channels (pass ksort) as tensors of a vq artifact:
 * MODULE.key_order, I32 [key heads][head size], beside the rows of W_k that they describe. test
 * tests/unit/load/test_key_orders.c */
#ifndef VQ_LOAD_KEY_ORDERS_H
#define VQ_LOAD_KEY_ORDERS_H

#include "model/graph.h"

/* vq_key_order_tensor -- the tensor to store for block `layer` of a graph with key_orders; data
 * NULL: this block has none. The name is from the arena, the data borrowed from the graph. */
vq_status vq_key_order_tensor(const vq_graph *g, int layer, vq_tensor *out, vq_arena *a, vq_err *e);

/* vq_key_orders_load -- key_orders of g from what the source holds; none: g stays as it is.
 * VQ_E_INPUT: another type or shape, not an order. */
vq_status vq_key_orders_load(vq_graph *g, const vq_source *source, vq_arena *a, vq_err *e);

#endif
