/* op_check.h -- can every op of the model do what the passes of a plan need of it? test
 * tests/families/test_op_check.c */
#ifndef VQ_PLAN_OP_CHECK_H
#define VQ_PLAN_OP_CHECK_H

#include "plan/plan.h"

/* vq_op_check -- passes, rounder and finish that need gradients, against ops without a backward.
 * VQ_E_RECIPE: op, pass and what works instead. */
vq_status vq_op_check(const vq_plan *p, vq_err *e);

#endif
