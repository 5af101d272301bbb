/* rates.h -- what one thread of this machine does in a second, measured in a fraction of a second
 * with the kernels that a run would use, so that a plan can tell the time. test
 * tests/unit/plan/test_plan_time.c */
#ifndef VQ_PLAN_COST_RATES_H
#define VQ_PLAN_COST_RATES_H

#include "plan/cost/cost.h"
#include "plan/plan.h"

/* vq_rates_measure -- processor time of the calling thread on small made-up data of the plan's
 * shapes and options; other processes hardly matter. Reads no weights. VQ_E_LIMIT. */
vq_status vq_rates_measure(vq_rates *r, const vq_plan *p, const vq_job *job, vq_err *e);

/* vq_rates_forward -- only what running a model of this width forwards in f32 takes; all other rates
 * are 1. VQ_E_LIMIT. */
vq_status vq_rates_forward(vq_rates *r, int64_t width, const vq_job *job, vq_err *e);

#endif
