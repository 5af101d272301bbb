/* plan_time.h -- how long a plan takes: what each stage computes, counted from the graph, over what
 * this machine does in a second. test tests/unit/test_plan_time.c */
#ifndef VQ_PLAN_PLAN_TIME_H
#define VQ_PLAN_PLAN_TIME_H

#include "plan/rates.h"

/* What a stage computes, in the units of vq_rates. */
typedef struct vq_cost {
    double products, plain, outer, tiles, factors, values, decoded, rounded, hashed;
} vq_cost;

typedef enum vq_stage {
    VQ_STAGE_TEXT,       /* the model writes its own calibration text */
    VQ_STAGE_GRADIENTS,  /* the sweep forwards and back, and its statistics to files */
    VQ_STAGE_STATISTICS, /* the sweep forwards */
    VQ_STAGE_TRANSFORMS, /* candidates tried out */
    VQ_STAGE_ROUNDING,   /* training included */
    VQ_STAGE_FINISH,     /* training of the whole */
    VQ_STAGE_FILES,      /* hashing, writing, reading back */
    VQ_STAGES
} vq_stage;
extern const char *const vq_stage_names[VQ_STAGES];

/* vq_plan_costs -- of every stage. */
void vq_plan_costs(const vq_plan *p, const vq_job *job, vq_cost cost[VQ_STAGES]);
/* vq_cost_seconds -- on one thread; a tenth more than the sum, for what is not counted. */
double vq_cost_seconds(const vq_cost *c, const vq_rates *r);

#endif
