/* summary.h -- what `vq quantize` tells when it is done: from what was rounded and written to
 * vq_quantize_result. test tests/cli/quantize.sh, tests/unit/report/test_report.c */
#ifndef VQ_RUN_QUANTIZE_SUMMARY_H
#define VQ_RUN_QUANTIZE_SUMMARY_H

#include "run/results.h"
#include "run/store/rounding.h"

/* vq_summary_modules -- sizes, bits per weight, fallbacks and the worst modules of what was
 * rounded, into r; names are copied into a. */
vq_status vq_summary_modules(const vq_rounded *rounded, vq_quantize_result *r, vq_arena *a,
                             vq_err *e);
/* vq_summary_files -- the files of the artifact with their bytes, copied into a. */
vq_status vq_summary_files(const vq_file_digest *files, size_t n, vq_quantize_result *r,
                           vq_arena *a, vq_err *e);
/* vq_summary_loaders -- the runtimes that load the artifact of a plan, ended by NULL: those of its recipe,
 * but transformers, which joins experts, where it cannot do so with their schemes, and which decodes by
 * one scheme alone, where schemes with zero points are mixed with others; none for a model whose forward
 * pass is not known. */
void vq_summary_loaders(const vq_plan *p, const char *list[VQ_SUMMARY_RUNTIMES + 1]);
/* vq_summary_warn -- of the ways in which one of these runtimes reads the artifact wrongly. */
void vq_summary_warn(const vq_plan *p, const char *const *runtimes, const vq_reporter *w);
/* vq_summary_entries -- the modules as vq.json lists them, from a; texts are borrowed. */
vq_status vq_summary_entries(const vq_rounded *rounded, const vq_manifest_module **list,
                             vq_arena *a, vq_err *e);

#endif
