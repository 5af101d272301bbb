/* inspect_stats.h -- what a statistics file says about a model. test tests/cli/calibrate.sh */
#ifndef VQ_RUN_INSPECT_INSPECT_STATS_H
#define VQ_RUN_INSPECT_INSPECT_STATS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"

/* vq_is_stats_path -- does the name end in .vqs? */
bool vq_is_stats_path(const char *path);
/* vq_inspect_stats -- kind "statistics": origin; per group channels, tokens, range, dead channels
 * and the Hessian's trace and diagonal; per linear those of both curvature factors. The whole file
 * is checked on the way. */
vq_status vq_inspect_stats(const char *path, json_t **result, vq_arena *a, vq_err *e);

#endif
