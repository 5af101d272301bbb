/* source_coverage.h -- what a sweep found out about each source, over all inputs. test
 * tests/unit/run/test_source_coverage.c, tests/cli/coverage.sh */
#ifndef VQ_RUN_CALIBRATE_SOURCE_COVERAGE_H
#define VQ_RUN_CALIBRATE_SOURCE_COVERAGE_H

#include "base/reporter.h"
#include "calib/coverage.h"
#include "plan/sample_set.h"
#include "run/results.h"

/* vq_source_coverage_begin -- what to hand to the sweep over a set of several sources: which sample
 * is whose, from a; what the sweep finds goes to `results`. VQ_E_LIMIT. */
vq_status vq_source_coverage_begin(vq_coverage *c, const vq_sample_set *set, vq_arena *a,
                                   vq_arena *results, vq_err *e);
/* vq_source_coverage_end -- means and extremes over the inputs, from c's arena, names too.
 * VQ_E_LIMIT. */
vq_status vq_source_coverage_end(vq_coverage *c, vq_coverage_result *r, vq_err *e);
/* vq_source_coverage_warn -- what is to be done, if anything: "sources-alike", "source-far". */
void vq_source_coverage_warn(const vq_coverage_result *r, const vq_sample_part *parts,
                             const vq_reporter *w);

#endif
