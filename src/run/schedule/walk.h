/* walk.h -- a run walks its schedule: the only loop over blocks.
 * test tests/unit/run/test_run_blocks.c, tests/cli/resume.sh */
#ifndef VQ_RUN_SCHEDULE_WALK_H
#define VQ_RUN_SCHEDULE_WALK_H

#include "run/block/run_scope.h"

/* A walk stays where it is from open to close. */
typedef struct vq_walk {
    vq_run run;
    vq_block block;
    int next; /* step */
} vq_walk;

/* vq_walk_open -- nothing is run yet. q, s and out are borrowed; c says in the end what the run was
 * calibrated on. VQ_E_INPUT: the plan needs a graph and there is none. VQ_E_RECIPE: statistics of
 * another model than the one that passes make. Close it even after a failure. */
vq_status vq_walk_open(vq_walk *w, const vq_run_request *q, vq_schedule *s, vq_rounded *out,
                       vq_calibrated *c, vq_arena *a, vq_err *e);
/* vq_walk_to -- the steps before number `end`, from the next one on; what was finished before a
 * stop is restored. The errors are those of the steps. */
vq_status vq_walk_to(vq_walk *w, int end, vq_err *e);
void vq_walk_close(vq_walk *w);

/* vq_walk_all -- the three in one: fills out, and the final weight files in q->dir. VQ_E_INPUT: too
 * little data, statistics of another model. VQ_E_RECIPE: nothing to resume, or something differs.
 * VQ_E_NUMERIC: a transform does not keep the function; non-finite activations. */
vq_status vq_walk_all(const vq_run_request *q, vq_schedule *s, vq_rounded *out, vq_calibrated *c,
                      vq_arena *a, vq_err *e);

#endif
