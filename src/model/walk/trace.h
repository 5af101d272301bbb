/* trace.h -- from a value back to the linear that makes it, as long as nothing else reads what lies
 * between. test tests/families/test_folds.c */
#ifndef VQ_MODEL_WALK_TRACE_H
#define VQ_MODEL_WALK_TRACE_H

#include "model/graph.h"

/* vq_read_alone -- does only node `reader` read, and only once, the columns that it reads of this
 * value? Others may cut other columns out of it. */
bool vq_read_alone(const vq_graph *g, int value, int reader);

/* vq_linear_of -- the linear that makes a value, directly or cut out of its output; *first: its row
 * that makes channel 0. -1: something else does, or others read the columns on the way. Who reads
 * the value itself is the caller's business. */
int vq_linear_of(const vq_graph *g, int value, int64_t *first);

#endif
