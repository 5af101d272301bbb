/* budget.h -- how much of a memory limit each stage may take, and what a plan needs at most. test
 * tests/unit/test_run_plan.c */
#ifndef VQ_PLAN_BUDGET_H
#define VQ_PLAN_BUDGET_H

#include "calib/calibrate.h"
#include "plan/plan.h"

/* vq_calibration_options -- batch and spool of a sweep that gathers `needs`; activations may take a
 * quarter of the limit before they go to a file in `dir`. */
vq_calib_options vq_calibration_options(const vq_plan *p, const vq_job *job, unsigned needs,
                                        const char *dir);
/* vq_statistics_bytes -- those of `needs` (vq_need bits) of the largest block. */
uint64_t vq_statistics_bytes(const vq_plan *p, unsigned needs);

/* vq_plan_round_bytes -- scratch of the largest weight: f32, codes, packed bytes, and what the
 * rounder takes. */
uint64_t vq_plan_round_bytes(const vq_plan *p);
/* vq_plan_given -- what the user has beside the recipe: calibration data, statistics. The anonymous
 * memory that the run will hold at most follows (peak_bytes). */
void vq_plan_given(vq_plan *p, const vq_job *job, bool data, bool statistics);

#endif
