/* samples.h -- calibration data (texts, JSON lines, token ids, the model's own text) as windows of
 * token ids. test tests/cli/bad_data.sh, tests/cli/sources.sh */
#ifndef VQ_PLAN_SAMPLES_H
#define VQ_PLAN_SAMPLES_H

#include "load/job.h"
#include "model/exec/exec.h"
#include "plan/sample_set.h"

/* vq_samples_find -- the samples that the recipe asks for, from the sources that are given (n 0: those
 * that the recipe says). x serves the model's own text; NULL: it is left out, and only what the files
 * hold is checked. own: that text, written before ([samples][length] of set->own); NULL: it is written
 * now. VQ_E_INPUT: too little data (says how much is needed), an id outside the
 * vocabulary, text that is not UTF-8; VQ_E_RECIPE: no data, shares that do not fit. Ids and parts
 * live in a. */
vq_status vq_samples_find(vq_sample_set *set, const vq_plan *p, vq_calib_sources given,
                          const vq_exec *x, const int32_t *own, const vq_job *job, vq_arena *a,
                          vq_err *e);

#endif
