/* back_plan.h -- where values and gradients of one part lie while it runs forwards and then
 * backwards: a value lives until the last backward that reads it, a gradient from the first
 * reader's backward to that of its own node. */
#ifndef VQ_MODEL_EXEC_BACK_PLAN_H
#define VQ_MODEL_EXEC_BACK_PLAN_H

#include "model/exec/buffers.h"
#include "model/op/op.h"

/* Buffer 0 is the caller's: it holds the gradient of the part's output and then, as a rule, that of
 * its input. */
typedef struct vq_back_plan {
    int first, end;
    int value[VQ_PART_NODES]; /* buffer of what node first + i makes */
    int grad[VQ_PART_NODES +
             1]; /* of the gradient of value first - 1 + i: the part's input comes first */
    vq_buffers buffers;
} vq_back_plan;

/* vq_back_plan_part -- assign buffers. An op that may work in place takes over a buffer that nobody
 * reads any more. */
void vq_back_plan_part(vq_back_plan *p, const vq_graph *g, int part);

/* vq_back_begun -- when node id runs backwards, has the gradient of its i-th input been begun by a
 * later reader (or an earlier input)? */
bool vq_back_begun(const vq_graph *g, int end, int id, int i);

#endif
