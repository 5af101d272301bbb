/* run.h -- the pipelines behind the commands. They own lifetimes; they print nothing and read no
 * environment. What they find out is a struct (run/results.h) whose texts and arrays are from the
 * arena that the caller gives; after an error nothing of it is meant. */
#ifndef VQ_RUN_RUN_H
#define VQ_RUN_RUN_H

#include <stdbool.h>

#include "load/job.h"
#include "recipe/recipe.h"
#include "run/generate/prompt.h"
#include "run/generate/sampling.h"
#include "run/results.h"

typedef struct vq_quantize_options {
    const char *model, *recipe, *out; /* out may be NULL */
    vq_calib_sources data;            /* n 0: as the recipe says */
    const char *const *sets;
    int nsets;
    const char *statistics; /* .vqs made before; NULL: gather */
    bool force;
    bool resume; /* continue the stopped run in OUT.run */
} vq_quantize_options;
/* vq_run_plan -- of the model headers only; data are read, and refused, as by the run. VQ_E_INPUT:
 * also a named file that is not there. */
vq_status vq_run_plan(vq_job *job, const vq_quantize_options *o, vq_plan_result *r, vq_arena *a,
                      vq_err *e);
/* vq_run_quantize -- calibrate, transform, round, pack block by block, verify what was written,
 * write vq.json, rename. */
vq_status vq_run_quantize(vq_job *job, const vq_quantize_options *o, vq_quantize_result *r,
                          vq_arena *a, vq_err *e);

typedef struct vq_calibrate_options {
    const char *model, *out;
    const char *const *recipes; /* [nrecipes], at least one */
    int nrecipes;
    vq_calib_sources data; /* n 0: as the recipe says */
    const char *const *sets;
    int nsets;
    bool force;
} vq_calibrate_options;
/* vq_run_calibrate -- statistics of the original model that the passes of all recipes need, from one
 * sweep, into the file `out`. VQ_E_RECIPE: a recipe needs none, recipes ask for other samples, or out
 * exists. After a failure or a stop nothing is left. test tests/cli/calibrate.sh */
vq_status vq_run_calibrate(vq_job *job, const vq_calibrate_options *o, vq_calibrate_result *r,
                           vq_arena *a, vq_err *e);
typedef struct vq_merge_options {
    const vq_merge_input *inputs; /* calib/stats/stats_merge.h: path, and share or 0 */
    int ninputs;
    const char *out;
    bool common, force;
} vq_merge_options;
/* vq_run_merge_stats -- the sums of statistics files of one model and different data into `out`. */
vq_status vq_run_merge_stats(vq_job *job, const vq_merge_options *o, vq_merge_result *r,
                             vq_arena *a, vq_err *e);

/* vq_run_verify -- reopen an artifact: header, hashes, finite scales, code ranges, fused groups,
 * kernels against the reference; against (may be NULL): the original model, for the recorded
 * errors. Failures in r are an answer, not an error. */
vq_status vq_run_verify(vq_job *job, const char *artifact, const char *against, vq_verify_result *r,
                        vq_arena *a, vq_err *e);

typedef struct vq_eval_options {
    const char *const *models, *const *texts;
    int nmodels, ntexts;
    const char *ref; /* may be NULL */
    int64_t window /* 0: 2048, or the context where that is shorter */, stride /* 0: window */,
        max_windows /* 0: all */;
    bool tokens /* texts hold int32 ids */, bos, weights_only;
} vq_eval_options;
/* vq_run_eval_ppl -- perplexity over windows of texts (docs/cli.md), alone or paired with ref on the
 * same tokens. The figures of a model on a text are those of the two alone, to the last bit; all that
 * is wrong with any of them is found before the first window runs. Memory for activations is that of
 * one model. VQ_E_INPUT: too little text, models that make different tokens of it. VQ_E_RECIPE: a text
 * twice. VQ_E_NUMERIC: a loss is not finite. test tests/cli/eval.sh */
vq_status vq_run_eval_ppl(vq_job *job, const vq_eval_options *o, vq_eval_result *r, vq_arena *a,
                          vq_err *e);
/* vq_eval_worst -- of a model's rows on several texts (rows[texts]) that with the largest KL, of
 * equal ones the first; NULL: one text, or no reference. test tests/unit/report/test_report.c */
const vq_eval_row *vq_eval_worst(const vq_eval_row *rows, int texts);

typedef struct vq_generate_options {
    const char *model;
    vq_prompt prompt;   /* all NULL: the model begins by itself */
    const char *tokens; /* file of int32 ids instead; NULL */
    int64_t max_tokens; /* at most so many are made */
    vq_sampling sampling;
    bool weights_only;
    bool (*piece)(void *ctx, const char *text, size_t len); /* UTF-8, as it comes; false: stop. May
                                                             * be NULL */
    void *ctx;
} vq_generate_options;
/* vq_run_generate -- goes on with a prompt until a token that ends the text (generation_config.json,
 * config.json), max_tokens or the end of the context. An artifact runs as `vq eval` runs it.
 * VQ_E_INPUT: a prompt as long as the context. VQ_E_NUMERIC: logits that are not finite.
 * VQ_E_STOPPED. test tests/cli/generate.sh (greedy choices of transformers) */
vq_status vq_run_generate(vq_job *job, const vq_generate_options *o, vq_generate_result *r,
                          vq_arena *a, vq_err *e);

typedef struct vq_tokenize_options {
    const char *model;  /* folder, or a file in it, or a tokenizer.json */
    vq_prompt prompt;   /* text NULL and no chat: the file */
    const char *data;   /* file of text; NULL */
    const char *tokens; /* decode: file of int32 ids; NULL: ids are in prompt.text */
    const char *out;    /* write the ids as int32; NULL */
    bool force, decode, names /* also what the vocabulary calls the tokens */;
} vq_tokenize_options;
/* vq_run_tokenize -- text to ids, or ids to text. VQ_E_INPUT: no tokenizer, text that is not UTF-8,
 * an id without a token. VQ_E_RECIPE: out exists. test tests/cli/tokenize.sh */
vq_status vq_run_tokenize(const vq_tokenize_options *o, vq_tokenize_result *r, vq_arena *a,
                          vq_err *e);

/* vq_run_diff -- two models, artifacts, or one of each: tensors, config.json, files. Weights are
 * decoded as `vq verify` decodes them, a tensor at a time. test tests/cli/diff.sh */
vq_status vq_run_diff(vq_job *job, const char *path_a, const char *path_b, vq_diff_result *r,
                      vq_arena *a, vq_err *e);

typedef struct vq_explain_options {
    const char *recipe, *model; /* model may be NULL */
    const char *const *sets;
    int nsets;
} vq_explain_options;
/* vq_run_explain -- what rules and passes of a recipe mean, and what the rules take of a model
 * (headers only). test tests/cli/explain.sh */
vq_status vq_run_explain(vq_job *job, const vq_explain_options *o, vq_explain_result *r,
                         vq_arena *a, vq_err *e);

/* vq_run_doctor -- what this machine has, and a self-test: known answers, and all levels of kernels
 * against the scalar definitions. A check that fails is an answer, not an error. test
 * tests/cli/doctor.sh */
vq_status vq_run_doctor(vq_job *job, vq_doctor_result *r, vq_arena *a, vq_err *e);

/* vq_run_inspect -- what a path is: a model, an artifact, statistics. */
vq_status vq_run_inspect(vq_job *job, const char *path, vq_inspect_result *r, vq_arena *a,
                         vq_err *e);

#endif
