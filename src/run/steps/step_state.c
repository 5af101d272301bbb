/* step_state.c -- the state of the run: none yet, or what a stopped run finished. */
#include "run/block/run_scope.h"

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    (void)b;
    const vq_run_request *q = r->request;
    if (!q->resume) return vq_run_state_new(&r->state, q->work, q->made_from, r->arena, e);
    VQ_TRY(vq_run_state_load(&r->state, q->work, q->made_from, r->arena, e));
    const int done = vq_run_state_sections(&r->state);
    vq_schedule_mark(r->schedule, done);
    if (done) vq_say(&r->job->reporter, 0, "resuming after %d of %d parts", done, r->written.count);
    return VQ_OK;
}

const vq_step_kind vq_step_state = {
    .name = "state",
    .doc = "the state of the run; after --resume the blocks that are finished",
    .run = run,
};
