/* sample_set.h -- calibration data as windows of token ids: from which sources, how many of each, how
 * long. How they are found: plan/samples.h. test tests/unit/plan/test_sample_set.c */
#ifndef VQ_PLAN_SAMPLE_SET_H
#define VQ_PLAN_SAMPLE_SET_H

#include "calib/sweep_options.h"
#include "plan/plan.h"

/* What one source gave. */
typedef struct vq_sample_part {
    const char *kind;            /* "self", "text", "jsonl", "tokens" */
    const char *path;            /* NULL: self */
    char sha256[VQ_SHA256_TEXT]; /* of the file; "" for self */
    int64_t samples;
} vq_sample_part;

typedef struct vq_sample_set {
    vq_samples samples;          /* of all parts, mixed: any first ones of them hold the shares */
    const char *kind;            /* "none", that of the only part, or "mix" */
    char sha256[VQ_SHA256_TEXT]; /* that of the only part; "" for none and mix */
    const vq_sample_part *parts;
    int nparts;
    const int32_t
        *own; /* [own_samples][length], of the only part that the model wrote itself; NULL:
                         * there is none, or it was left out */
    int64_t own_samples;
} vq_sample_set;

/* vq_sample_tokens -- tokens of one sample: calib.seqlen, at most the model's context. */
int64_t vq_sample_tokens(const vq_plan *p);
/* vq_samples_check -- VQ_E_RECIPE when a sample is longer than the model's context. */
vq_status vq_samples_check(const vq_plan *p, vq_err *e);

/* vq_samples_agree -- VQ_E_RECIPE, naming the first key in which they differ, when two recipes for one
 * model ask for other samples or labels than each other. given: data that stand for what recipes say.
 * test tests/cli/calibrate.sh */
vq_status vq_samples_agree(const vq_plan *p, const vq_plan *q, vq_calib_sources given, vq_err *e);

/* vq_sources_used -- what a plan is calibrated on: what is given, else what its recipe says; n 0: the
 * recipe wants data, and there are none. */
vq_calib_sources vq_sources_used(const vq_plan *p, vq_calib_sources given);
/* vq_sources_samples -- the recipe's samples among n sources by their shares, largest remainders
 * first. VQ_E_RECIPE: shares that are no whole, or less than a sample for a source (named). */
vq_status vq_sources_samples(const vq_plan *p, vq_calib_sources s, int64_t *counts, vq_arena *a,
                             vq_err *e);
/* vq_sources_own -- samples that the model writes itself; 0 where the shares are wrong. */
int64_t vq_sources_own(const vq_plan *p, vq_calib_sources s, vq_arena *a);
/* vq_sample_parts_copy -- *parts becomes a copy from a, paths with it. */
vq_status vq_sample_parts_copy(const vq_sample_part **parts, int n, vq_arena *a, vq_err *e);
/* vq_samples_next -- the part that the next of all samples comes from, when had[i] of part i are there
 * already: each part is spread evenly over the whole. */
int vq_samples_next(const vq_sample_part *parts, const int64_t *had, int n);

#endif
