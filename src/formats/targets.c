/* targets.c -- the table of target formats: one line each. Recipes list them in this order, and an
 * opened folder belongs to the first that owns it. */
#include "formats/target.h"

#define TARGETS(line)                                                                              \
    line(vq_target_ct)                                                                             \
    line(vq_target_vq)

#define DECLARE(target) extern const vq_target target;
#define ENTRY(target) &target,

TARGETS(DECLARE)
const vq_target *const vq_targets[] = {TARGETS(ENTRY) NULL};
