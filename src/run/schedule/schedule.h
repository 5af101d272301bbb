/* schedule.h -- the steps of a run, made once from a plan and what is given beside it. Running
 * walks the list (walk.h); forecasts of memory and time are sums over it; a resumed run walks the
 * same list with the finished blocks marked. test tests/plans/test_schedules.c,
 * tests/unit/plan/test_plan_time.c */
#ifndef VQ_RUN_SCHEDULE_SCHEDULE_H
#define VQ_RUN_SCHEDULE_SCHEDULE_H

#include "plan/plan.h"
#include "run/schedule/step.h"

/* What the user has beside recipe and model. */
typedef struct vq_given {
    vq_calib_sources data; /* calibration data */
    bool statistics;       /* a statistics file made before */
} vq_given;

typedef struct vq_scheduled_step {
    const vq_step_kind *kind;
    int layer;      /* block, VQ_OUTSIDE or VQ_WHOLE_RUN */
    bool finished;  /* before a stop: it is restored, not run */
    double seconds; /* expected (vq_schedule_expect); else 0 */
} vq_scheduled_step;

struct vq_schedule {
    const vq_plan *plan;
    vq_given given;
    bool by_blocks;   /* false: weight after weight, without a graph */
    bool samples;     /* there must be calibration samples */
    int64_t own_text; /* of them, which the model writes itself */
    bool gradients;   /* a sweep forwards and back before the blocks; its statistics go to files */
    bool loads;       /* statistics of a block come from a file: the user's, or of that sweep */
    bool gathers;     /* statistics of a block's inputs are gathered when its turn comes */
    bool quantized;   /* a block sees what was written of the blocks before it, not the original */
    bool tries;       /* a pass tries candidates out on samples */
    bool trains;      /* the rounder trains each block */
    bool sweeps;      /* activations of the samples move from block to block */
    bool two_sided;   /* the original outputs of a block stay beside its inputs until advance */
    bool self_moving; /* gathering a block moves the activations behind it in the same run */
    vq_scheduled_step *steps;
    int count;
};

/* vq_schedule_make -- plan is borrowed, steps are from the arena. Reads nothing. VQ_E_LIMIT. */
vq_status vq_schedule_make(vq_schedule *s, const vq_plan *plan, vq_given given, vq_arena *a,
                           vq_err *e);
/* vq_schedule_mark -- the first `sections` sections (store/written.h: the blocks, then what lies
 * outside of them) were finished before a stop. */
void vq_schedule_mark(vq_schedule *s, int sections);

/* vq_schedule_bytes -- the anonymous memory that a run holds at most: what its steps take, beside what
 * the job's arenas hold already and what is outside of them (vq_budget_measure). */
uint64_t vq_schedule_bytes(const vq_schedule *s, const vq_job *job);
/* vq_schedule_fits -- is that within the memory limit of the job? test tests/cli/quantize.sh */
bool vq_schedule_fits(uint64_t bytes, const vq_job *job);
/* vq_schedule_costs -- the work of every stage: the sum over the steps. */
void vq_schedule_costs(const vq_schedule *s, const vq_job *job, vq_cost cost[VQ_STAGES]);
/* vq_schedule_expect -- the seconds of every step on this machine, which is measured in a fraction of
 * a second; all stay 0 where nobody asked for a forecast or it is not worth that. VQ_E_LIMIT. */
vq_status vq_schedule_expect(vq_schedule *s, const vq_job *job, vq_err *e);
/* vq_schedule_seconds -- what is expected of all steps of a kind. */
double vq_schedule_seconds(const vq_schedule *s, const vq_step_kind *kind);
/* vq_schedule_forecast -- what is expected when `step` begins; steps that a stopped run finished count
 * nothing. */
vq_forecast vq_schedule_forecast(const vq_schedule *s, int step);
/* vq_schedule_text -- a line per step before and behind the blocks, and per block; NULL:
 * VQ_E_LIMIT. */
const char *vq_schedule_text(const vq_schedule *s, vq_arena *a, vq_err *e);

#endif
