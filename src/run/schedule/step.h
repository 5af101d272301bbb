/* step.h -- the kinds of steps that a run is made of. One file and one line in the table each; which
 * steps a run takes, in which order, is decided in schedule.c alone.
 * test tests/plans/test_schedules.c */
#ifndef VQ_RUN_SCHEDULE_STEP_H
#define VQ_RUN_SCHEDULE_STEP_H

#include "base/status.h"
#include "load/job.h"
#include "plan/cost/cost.h"

typedef struct vq_schedule vq_schedule; /* run/schedule/schedule.h */
typedef struct vq_run vq_run;           /* run/block/run_scope.h: lives until the end */
typedef struct vq_block vq_block;       /* run/block/run_scope.h: lives until the next block */

/* The layer of a step: a block, what lies outside of blocks, or no part of the graph. */
enum { VQ_OUTSIDE = -1, VQ_WHOLE_RUN = -2 };

/* Anonymous memory of a step, beyond what earlier steps left: at most while it runs; and what it
 * leaves until the block ends (steps of a block) or the run does. */
typedef struct vq_step_bytes {
    uint64_t most, stays;
} vq_step_bytes;

typedef struct vq_step_kind {
    const char *name, *doc;
    vq_status (*run)(vq_run *run, vq_block *block, vq_err *e);
    /* restore -- instead of run, for a block that was finished before a stop; NULL: nothing to do */
    vq_status (*restore)(vq_run *run, vq_block *block, vq_err *e);
    /* bytes -- of the largest block. NULL: next to nothing */
    vq_step_bytes (*bytes)(const vq_schedule *s, const vq_job *job, int layer);
    /* cost -- its work, added to the stages that it belongs to. NULL: next to none */
    void (*cost)(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES]);
} vq_step_kind;

extern const vq_step_kind vq_step_text, vq_step_statistics, vq_step_state, vq_step_model,
    vq_step_gradients, vq_step_embed;
extern const vq_step_kind vq_step_load, vq_step_gather, vq_step_target, vq_step_transform,
    vq_step_round, vq_step_train, vq_step_advance;
extern const vq_step_kind vq_step_finish, vq_step_assemble, vq_step_convert;
extern const vq_step_kind *const vq_step_kinds[]; /* ends with NULL */

#endif
