/* disk.h -- how much an artifact takes on disk, before anything of it is made. test tests/cli/disk.sh */
#ifndef VQ_RUN_QUANTIZE_DISK_H
#define VQ_RUN_QUANTIZE_DISK_H

#include "run/schedule/schedule.h"

/* vq_disk_most -- bytes of all files of the artifact at most: tensors with as many residual channels
 * as the passes allow, headers and index, what lies beside the weights, config.json, vq.json with
 * `yaml` as its recipe. VQ_E_LIMIT. */
vq_status vq_disk_most(const vq_plan *p, const vq_sidecars *beside, const char *yaml,
                       uint64_t *bytes, vq_arena *a, vq_err *e);

/* vq_disk_work -- bytes that OUT.run holds at most beside them, until the artifact is whole. */
uint64_t vq_disk_work(const vq_schedule *s, const vq_job *job);

#endif
