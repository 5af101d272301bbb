/* plan_make.h -- recipe x model -> plan, from headers only. test tests/unit/plan/test_run_plan.c,
 * tests/plans */
#ifndef VQ_PLAN_PLAN_MAKE_H
#define VQ_PLAN_PLAN_MAKE_H

#include "plan/plan.h"

/* vq_plan_make -- every 2-D weight decided by a rule, every rule decides something, fused members
 * end with one scheme, groups divide K, the format holds it. VQ_E_RECIPE otherwise. Arrays in the
 * arena. In which steps the plan is carried out: run/schedule/schedule.h. */
vq_status vq_plan_make(vq_plan *p, const vq_recipe *r, const vq_model *m, vq_arena *a, vq_err *e);

#endif
