/* sample_set.h -- calibration data as windows of token ids, and their length. How they are found:
 * plan/samples.h. */
#ifndef VQ_PLAN_SAMPLE_SET_H
#define VQ_PLAN_SAMPLE_SET_H

#include "calib/sweep_options.h"
#include "plan/plan.h"

typedef struct vq_sample_set {
    vq_samples samples;
    const char *kind;            /* "none", "self", "text", "jsonl", "tokens" */
    char sha256[VQ_SHA256_TEXT]; /* of the data file; "" for none and self */
} vq_sample_set;

/* vq_sample_tokens -- tokens of one sample: calib.seqlen, at most the model's context. */
int64_t vq_sample_tokens(const vq_plan *p);
/* vq_samples_check -- VQ_E_RECIPE when a sample is longer than the model's context. */
vq_status vq_samples_check(const vq_plan *p, vq_err *e);

#endif
