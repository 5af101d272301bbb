/* budget.h -- how calibration shares out a memory limit, and the sizes that steps of a run are made
 * of. test tests/unit/plan/test_plan_time.c, tests/plans */
#ifndef VQ_PLAN_COST_BUDGET_H
#define VQ_PLAN_COST_BUDGET_H

#include "calib/sweep_options.h"
#include "load/job.h"
#include "plan/cost/graph_cost.h"
#include "plan/plan.h"

/* vq_calibration_options -- batch and spool of a sweep that gathers `needs`; activations may take a
 * quarter of the limit before they go to a file in `dir`. */
vq_calib_options vq_calibration_options(const vq_plan *p, const vq_job *job, unsigned needs,
                                        const char *dir);
/* vq_calibration_batch -- the samples that a sweep runs at a time. */
vq_batch vq_calibration_batch(const vq_plan *p);
/* vq_sweep_shape -- the work of one pass of such a sweep over all samples. */
vq_pass_shape vq_sweep_shape(const vq_plan *p, const vq_job *job, unsigned needs);

/* vq_cost_add_rounding -- weights of `layer` (-1: outside of blocks; all: every one) read, and
 * through the plan's rounder. vq_cost_add_files -- the model hashed; its weights as stored written,
 * hashed and read back. */
void vq_cost_add_rounding(vq_cost *c, const vq_plan *p, int layer, bool all);
void vq_cost_add_files(vq_cost *c, const vq_plan *p);

/* vq_statistics_bytes -- bytes of the statistics of `needs` (vq_need bits) of the largest block. */
uint64_t vq_statistics_bytes(const vq_plan *p, unsigned needs);
/* vq_activation_file_bytes -- bytes of the file that these activations go to when memory has no room
 * for them, else 0. test tests/cli/disk.sh */
uint64_t vq_activation_file_bytes(const vq_plan *p, const vq_job *job, unsigned needs);
/* vq_activation_bytes -- bytes of the activations of all samples between two blocks (as far as they
 * stay in memory), those of the batch under way (and their gradients), and weights packed for it.
 */
uint64_t vq_activation_bytes(const vq_plan *p, const vq_job *job, unsigned needs);
/* vq_packed_bytes -- bytes of operands packed for products of bf16; 0 when the model does not run
 * in it. */
uint64_t vq_packed_bytes(const vq_plan *p, const vq_job *job);
/* vq_edit_bytes -- bytes of statistics that transforms rewrite and of the weights of the largest
 * block that they change, in f32. */
uint64_t vq_edit_bytes(const vq_plan *p);
/* vq_plan_round_bytes -- most bytes held for one weight: f32, codes, packed bytes, and what the
 * rounder takes. */
uint64_t vq_plan_round_bytes(const vq_plan *p);

#endif
