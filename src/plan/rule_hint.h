/* rule_hint.h -- what a rule that matches nothing may have meant. */
#ifndef VQ_PLAN_RULE_HINT_H
#define VQ_PLAN_RULE_HINT_H

#include "plan/plan.h"

/* vq_rule_hint -- "; name '*.dwon_proj': did you mean 'down_proj'?" for the first role or name of
 * the rule that no weight has; "" when
 * nothing is near. never NULL; text in the arena
 *         test tests/cli/bad_models.sh */
const char *vq_rule_hint(const vq_plan *p, const vq_rule_recipe *r, vq_arena *a, vq_err *e);

#endif
