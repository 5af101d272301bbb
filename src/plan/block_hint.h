/* block_hint.h -- blocks that fit the weights of a rule, for a scheme whose blocks do not. */
#ifndef VQ_PLAN_BLOCK_HINT_H
#define VQ_PLAN_BLOCK_HINT_H

#include "plan/plan.h"

/* vq_block_hint -- behind an error that says that the blocks of `first` do not divide it: "; 17 more
 * weights are so: --set rules.0.use=int4-g16 divides all, or give them another scheme, or keep them".
 * test tests/cli/bad_calibration.sh */
void vq_block_hint(const vq_plan *p, const vq_plan_weight *first, int others, vq_err *e);

#endif
