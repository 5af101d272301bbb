/* map_edits.h -- what a group's input map does to the weights: the inverse on the columns of those
 * who read the input, the map itself on whoever makes it. test tests/unit/edit/test_map_edits.c */
#ifndef VQ_EDIT_MAP_EDITS_H
#define VQ_EDIT_MAP_EDITS_H

#include "model/walk/groups.h"
#include "quant/transform.h"

/* vq_producer_of -- what can absorb changes of the group's input. NONE: others read the value too,
 * or nothing linear makes it. */
vq_producer vq_producer_of(const vq_graph *g, const vq_linear_group *group);

/* vq_edits_from_map -- x' = hadamard(gather(x / scale)) as edits, appended to s. Consumers'
 * columns: times scale, gathered, rotated.
 *   NORM    norm weight / scale
 *   ROWS    rows and bias of the linear / scale, gathered; behind silu_mul the gate's rows and
 *           bias are gathered with them
 *   VALUES  rows and bias of v / scale, gathered, rotated: the same for all query heads that
 *           share a kv head, orders inside a head
 * What the runtime does to the input itself: an order that is not folded is no edit (the rounding
 * stage gathers by it, as it augments); a Hadamard that is not folded is an edit of the consumers
 * alone, exact with vq_linear.hadamard. Edits of biases are listed whether or not the model has
 * them. Scales and orders of the map stay borrowed; names and inverses are in s->arena. VQ_E_BUG:
 * the producer cannot absorb it (the transform asked for what vq_producer_of did not offer), a
 * scale that is not positive, an unfolded order before a Hadamard. */
vq_status vq_edits_from_map(vq_edits *s, const vq_graph *g, const vq_linear_group *group,
                            const vq_input_map *m, vq_err *e);

#endif
