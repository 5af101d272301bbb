/* report.h -- the JSON of every command, made from the structs that the pipelines return. Keys and
 * their meaning: docs/cli.md, a contract. Each function gives a new reference in *out, or
 * VQ_E_LIMIT when the library has no memory for it; a figure that is not finite is null. test
 * tests/unit/report/test_report.c, tests/cli */
#ifndef VQ_REPORT_REPORT_H
#define VQ_REPORT_REPORT_H

#include <jansson.h>

#include "plan/plan_result.h"
#include "recipe/recipe.h"
#include "run/results.h"

/* An option of the command line with its value. */
typedef struct vq_option_row {
    const char *name, *value;
    const char *origin; /* "flag", "environment", "recipe", "built-in" */
} vq_option_row;

vq_status vq_report_plan(const vq_plan_result *r, const vq_option_row *options, size_t noptions,
                         json_t **out, vq_err *e);
vq_status vq_report_quantize(const vq_quantize_result *r, json_t **out, vq_err *e);
vq_status vq_report_calibrate(const vq_calibrate_result *r, json_t **out, vq_err *e);
vq_status vq_report_merge(const vq_merge_result *r, json_t **out, vq_err *e);
vq_status vq_report_verify(const vq_verify_result *r, json_t **out, vq_err *e);
vq_status vq_report_eval(const vq_eval_result *r, json_t **out, vq_err *e);
vq_status vq_report_generate(const vq_generate_result *r, json_t **out, vq_err *e);
vq_status vq_report_tokenize(const vq_tokenize_result *r, json_t **out, vq_err *e);
vq_status vq_report_diff(const vq_diff_result *r, json_t **out, vq_err *e);
vq_status vq_report_explain(const vq_explain_result *r, json_t **out, vq_err *e);
vq_status vq_report_doctor(const vq_doctor_result *r, json_t **out, vq_err *e);
vq_status vq_report_inspect(const vq_inspect_result *r, json_t **out, vq_err *e);
/* vq_report_version -- of vq, and the level of the kernels that run here. */
vq_status vq_report_version(const char *isa, json_t **out, vq_err *e);

/* What `vq recipe` lists: the shipped recipes; the presets of schemes; the passes; a pass with its
 * options (*out NULL: no pass has this name); a shipped recipe's text; a recipe that was read. */
vq_status vq_report_recipes(vq_arena *a, json_t **out, vq_err *e); /* reads them into a */
vq_status vq_report_schemes(json_t **out, vq_err *e);
/* vq_report_scheme -- one of them, or of a family; *out NULL: nothing is called so. */
vq_status vq_report_scheme(const char *name, json_t **out, vq_err *e);
vq_status vq_report_passes(json_t **out, vq_err *e);
vq_status vq_report_pass(const char *name, json_t **out, vq_err *e);
vq_status vq_report_shipped(const vq_shipped *r, json_t **out, vq_err *e);
vq_status vq_report_recipe(const vq_recipe *r, json_t **out, vq_err *e);

#endif
