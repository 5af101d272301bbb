/* calibrate_file.h -- statistics of the original model for the passes of a recipe, into a file of their own.
 * test tests/cli/calibrate.sh */
#ifndef VQ_RUN_CALIBRATE_FILE_H
#define VQ_RUN_CALIBRATE_FILE_H

#include "calib/calibrate.h"
#include "run/plan.h"

/* vq_sweep_options -- how a sweep for these needs runs under the job's memory limit. spool_dir is borrowed. */
vq_calib_options vq_sweep_options(const vq_plan *p, unsigned needs, const char *spool_dir, const vq_job *job);

#endif
