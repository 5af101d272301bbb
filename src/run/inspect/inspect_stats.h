/* inspect_stats.h -- what a statistics file says about a model. test tests/cli/calibrate.sh */
#ifndef VQ_RUN_INSPECT_INSPECT_STATS_H
#define VQ_RUN_INSPECT_INSPECT_STATS_H

#include <stdbool.h>

#include "run/results.h"

/* vq_is_stats_path -- does the name end in .vqs? */
bool vq_is_stats_path(const char *path);
/* vq_inspect_stats -- origin; per group channels, tokens, range, dead channels
 * and the Hessian's trace and diagonal; per linear those of both curvature factors. The whole file
 * is checked on the way. What d holds is from a, all else from scratch. */
vq_status vq_inspect_stats(const char *path, vq_stats_description *d, vq_arena *a,
                           vq_arena *scratch, vq_err *e);

#endif
