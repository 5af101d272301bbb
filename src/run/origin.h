/* origin.h -- what statistics and runs were made from, as digests. test
 * tests/unit/calib/test_stats_file.c, tests/cli/resume.sh */
#ifndef VQ_RUN_ORIGIN_H
#define VQ_RUN_ORIGIN_H

#include "calib/stats/stats_file.h"
#include "plan/plan.h"
#include "plan/sample_set.h"
#include "run/input_hash.h"
#include "run/manifest.h"

/* vq_origin_model -- digest over the digests of the weight files, in order, and the config. Ends
 * the hash; the list of the files is from a. */
vq_status vq_origin_model(vq_input_hash *h, const vq_model *m, char sha[VQ_SHA256_TEXT],
                          vq_arena *a, vq_err *e);
/* vq_origin_samples -- digest over the token ids. */
void vq_origin_samples(const vq_samples *s, char sha[VQ_SHA256_TEXT]);
/* vq_origin_calibrated -- what vq.json says of the samples; parts are borrowed. */
vq_calibrated vq_origin_calibrated(const vq_sample_set *set);
/* vq_origin_of -- origin of the statistics that a plan gathers on samples (NULL: none yet) of the
 * model with this digest. */
vq_stats_origin vq_origin_of(const vq_plan *p, const vq_samples *s, const char *model_sha);
/* vq_origin_serves -- VQ_E_INPUT: the statistics at `path` are of another model (fewer blocks,
 * another digest) or version, or lack what the plan needs. quantized: the run follows the quantized model and gathers statistics of
 * inputs itself, so that only those of gradients must be there. test tests/cli/calibrate.sh */
vq_status vq_origin_serves(const vq_stats_file *f, const vq_plan *p, bool quantized,
                           const char *model_sha, const char *path, vq_err *e);

#endif
