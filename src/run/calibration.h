/* calibration.h -- the calibration stage of a pipeline: samples in, statistics of every planned group out. test
 * tests/unit/test_run_calibration.c */
#ifndef VQ_RUN_CALIBRATION_H
#define VQ_RUN_CALIBRATION_H

#include "calib/calibrate.h"
#include "run/plan.h"

typedef struct vq_calibration {
    vq_stats **stats;            /* [layer][group of the block], NULL when nothing was gathered */
    const char *kind;            /* "none", "self", "text", "tokens" */
    char sha256[VQ_SHA256_TEXT]; /* of the data file; "" for none and self */
    int64_t samples, seqlen;
} vq_calibration;

/* vq_calibration_run -- gather what the plan needs from `data` (NULL: as the recipe says). spool_dir: where activations go beyond the
 * limit. VQ_E_INPUT: too little data (says how much is needed), no builder for the architecture. Statistics live in `a`, work in scratch of
 * its own. */
vq_status vq_calibration_run(vq_calibration *c, const vq_plan *p, const char *data, bool tokens, const char *spool_dir, const vq_job *job,
                             vq_budget *budget, vq_arena *a, vq_err *e);
/* vq_calibration_stats -- statistics of a planned group, NULL when there are none. */
const vq_stats *vq_calibration_stats(const vq_calibration *c, const vq_plan_group *g);
/* vq_calibration_bytes -- anonymous memory that the stage needs at most. */
uint64_t vq_calibration_bytes(const vq_plan *p, const vq_job *job);

#endif
