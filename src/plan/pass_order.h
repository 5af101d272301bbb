/* pass_order.h -- which passes of a recipe can stand together, and in which order; known before
 * anything is read. test tests/unit/plan/test_run_plan.c */
#ifndef VQ_PLAN_PASS_ORDER_H
#define VQ_PLAN_PASS_ORDER_H

#include "plan/plan.h"

/* vq_pass_order_check -- VQ_E_RECIPE that says what to do: a pass over the whole model behind one
 * over groups; anything behind a pass after which the runtime changes the input; statistics that an
 * earlier pass does not carry over; orders of keys that the format cannot store. */
vq_status vq_pass_order_check(const vq_plan *p, vq_err *e);
/* vq_pass_place_check -- VQ_E_RECIPE: the format has no place for what the transform leaves to a
 * runtime, whatever the model is. */
vq_status vq_pass_place_check(const vq_transform *t, const vq_target *to, vq_err *e);

#endif
