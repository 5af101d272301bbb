/* back_plan.h -- where values and gradients of one part lie while it runs forwards and then
 * backwards: a value lives until the last backward that reads it, a gradient from the first reader's
 * backward to that of its own node. */
#ifndef VQ_MODEL_EXEC_BACK_PLAN_H
#define VQ_MODEL_EXEC_BACK_PLAN_H

#include "model/exec/buffers.h"
#include "model/exec/program.h"

/* Buffer 0 is the caller's: it holds the gradient of the part's record and then, as a rule, that of
 * the record it was given. */
enum { VQ_MADE_LATE = -1 }; /* a value of an expert: room for its rows is taken when it is made */
typedef struct vq_back_plan {
    int *value, *grad; /* [count] buffers, or VQ_MADE_LATE; of inputs there is no value */
    vq_buffers buffers;
} vq_back_plan;

/* vq_back_plan_make -- assign buffers. An op that may work in place takes over a buffer that nobody
 * reads any more. */
vq_status vq_back_plan_make(vq_back_plan *plan, const vq_program *p, const vq_batch *b, vq_arena *a,
                            vq_err *e);

/* vq_back_begun -- when node id runs backwards, has the gradient of its i-th input been begun by a
 * later reader (or an earlier input, or because the value lives on)? */
bool vq_back_begun(const vq_program *p, int id, int i);

#endif
