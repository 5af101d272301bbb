/* disk.h -- how much an artifact takes on disk, before anything of it is made. test tests/cli/disk.sh */
#ifndef VQ_RUN_QUANTIZE_DISK_H
#define VQ_RUN_QUANTIZE_DISK_H

#include "plan/plan.h"

/* vq_disk_most -- bytes of all files of the artifact at most: tensors with as many residual channels
 * as the passes allow, headers and index, what lies beside the weights, config.json, vq.json with
 * `yaml` as its recipe. VQ_E_LIMIT. */
vq_status vq_disk_most(const vq_plan *p, const vq_sidecars *beside, const char *yaml,
                       uint64_t *bytes, vq_arena *a, vq_err *e);

#endif
