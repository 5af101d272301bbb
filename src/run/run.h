/* run.h -- the pipelines behind the commands. They own lifetimes; they print nothing and read no
 * environment. */
#ifndef VQ_RUN_RUN_H
#define VQ_RUN_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "load/job.h"
#include "recipe/recipe.h"

typedef struct vq_quantize_options {
    const char *model, *recipe, *data, *out; /* data, out may be NULL */
    const char *const *sets;
    int nsets;
    const char *statistics; /* .vqs made before; NULL: gather */
    bool force, tokens /* data holds int32 ids */;
    bool resume; /* continue the stopped run in OUT.run */
} vq_quantize_options;
/* vq_run_plan -- headers only. result: the `plan` object of docs/cli. *fits: within the memory
 * limit. */
vq_status vq_run_plan(vq_job *job, const vq_quantize_options *o, json_t **result, bool *fits,
                      vq_err *e);
/* vq_run_quantize -- calibrate, transform, round, pack block by block, verify what was written,
 * write vq.json, rename. result: sizes, bits per weight, worst SQNR, files. */
vq_status vq_run_quantize(vq_job *job, const vq_quantize_options *o, json_t **result, vq_err *e);

typedef struct vq_calibrate_options {
    const char *model, *recipe, *data, *out; /* data may be NULL */
    const char *const *sets;
    int nsets;
    bool force, tokens /* data holds int32 ids */;
} vq_calibrate_options;
/* vq_run_calibrate -- statistics of the original model that the recipe's passes need, into the file
 * `out`. VQ_E_RECIPE: the recipe needs none, or out exists. After a failure or a stop nothing is
 * left. */
vq_status vq_run_calibrate(vq_job *job, const vq_calibrate_options *o, json_t **result, vq_err *e);
/* vq_run_merge_stats -- the sums of n statistics files of one model and different data into `out`.
 */
vq_status vq_run_merge_stats(vq_job *job, const char *const *files, int n, const char *out,
                             bool force, json_t **result, vq_err *e);

/* vq_run_verify -- reopen an artifact: header, hashes, finite scales, code ranges, fused groups,
 * kernels against the reference. *ok false: it says no. */
vq_status vq_run_verify(vq_job *job, const char *artifact, const char *against, json_t **result,
                        bool *ok, vq_err *e);

typedef struct vq_eval_options {
    const char *model, *ref;   /* ref may be NULL */
    const char *text, *tokens; /* one of them */
    int64_t window, stride /* 0: window */, max_windows /* 0: all */;
    bool bos, weights_only;
} vq_eval_options;
vq_status vq_run_eval_ppl(vq_job *job, const vq_eval_options *o, json_t **result, vq_err *e);

/* vq_run_inspect -- what a path is. result: {"kind", "files", ...}; keys beyond that are free, the
 * command line prints any of them. */
vq_status vq_run_inspect(vq_job *job, const char *path, json_t **result, vq_err *e);

#endif
