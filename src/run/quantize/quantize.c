/* quantize.c -- the main job: plan, calibrate, round, pack, verify, name. */
#include <math.h>
#include <string.h>

#include "plan/cost/rates.h"
#include "plan/pass_table.h"
#include "plan/plan_make.h"
#include "run/input_hash.h"
#include "run/manifest.h"
#include "run/origin.h"
#include "run/quantize/outputs.h"
#include "run/quantize/summary.h"
#include "run/run.h"
#include "run/schedule/walk.h"
#include "run/verify/verify.h"

typedef struct quantization {
    vq_job *job;
    const vq_quantize_options *o;
    vq_arena arena;
    vq_recipe recipe;
    vq_model model;
    vq_plan plan;
    vq_schedule schedule;
    vq_outputs outputs;
    vq_calibrated calibration;
    vq_rounded rounded;
    vq_input_hash inputs;
    double started, phase_started;
    json_t *phases; /* {name: seconds} */
} quantization;

static vq_status open_inputs(quantization *q, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    VQ_TRY(vq_recipe_load(&q->recipe, o->recipe, o->sets, o->nsets, vq_pass_names(), &q->arena, e));
    VQ_TRY(vq_model_open(&q->model, o->model, &q->arena, e));
    vq_status s = vq_plan_make(&q->plan, &q->recipe, &q->model, &q->arena, e);
    const vq_given given = {
        .data = o->data != NULL, .statistics = o->statistics != NULL, .resume = o->resume};
    if (s == VQ_OK) s = vq_schedule_make(&q->schedule, &q->plan, given, &q->arena, e);
    if (s != VQ_OK) vq_model_close(&q->model);
    return s;
}

static vq_status check_memory(const quantization *q, vq_err *e)
{
    const size_t limit = q->job->budget.limit;
    const uint64_t peak = vq_schedule_bytes(&q->schedule, q->job);
    if (!limit || peak <= limit) return VQ_OK;
    return vq_fail(e, VQ_E_LIMIT,
                   "the plan needs %llu bytes of memory and the limit is %zu; raise --mem-limit, "
                   "or lower calib.seqlen",
                   (unsigned long long)peak, limit);
}

static json_t *tensors_json(const vq_rounded *r)
{
    json_t *all = json_object();
    for (size_t i = 0; i < r->nmodules; i++) {
        json_t *db = isfinite(r->sqnr_db[i]) ? json_real(r->sqnr_db[i]) : json_null();
        json_t *one = json_pack("{s:s, s:s, s:o, s:s?}", "scheme", r->weights[i]->scheme.id,
                                "sha256", r->sha[i], "sqnr_db", db, "fallback", r->fallback[i]);
        if (r->modules[i].hadamard)
            (void)json_object_set_new(one, "hadamard",
                                      json_integer((json_int_t)r->modules[i].hadamard));
        if (r->modules[i].arc_s)
            (void)json_object_set_new(one, "arc_s", json_integer((json_int_t)r->modules[i].arc_s));
        if (r->tokens[i] >= 0)
            (void)json_object_set_new(one, "tokens", json_integer((json_int_t)r->tokens[i]));
        if (r->transformed[i]) (void)json_object_set_new(one, "transformed", json_true());
        (void)json_object_set_new(all, r->modules[i].name, one);
    }
    return all;
}

static json_t *calibration_json(const vq_calibrated *c)
{
    json_t *j = json_pack("{s:s, s:s, s:I, s:I}", "kind", c->kind, "sha256", c->sha256, "tokens",
                          (json_int_t)(c->samples * c->seqlen), "seqlen", (json_int_t)c->seqlen);
    if (j && *c->statistics)
        (void)json_object_set_new(j, "statistics_sha256", json_string(c->statistics));
    return j;
}

static vq_status write_manifest(quantization *q, vq_err *e)
{
    json_t *files;
    VQ_TRY(vq_manifest_files(q->outputs.work, &files, &q->arena, e));
    json_t *root = json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:o, s:o, s:o}", "schema",
                             "vq.artifact/1", "vq", VQ_VERSION, "recipe", "name", q->recipe.name,
                             "yaml", q->recipe.resolved, "inputs", vq_input_hash_json(&q->inputs),
                             "calibration", calibration_json(&q->calibration), "tensors",
                             tensors_json(&q->rounded), "files", files);
    if (q->plan.finish)
        (void)json_object_set_new(root, q->plan.finish->name,
                                  vq_finished_json(&q->rounded.finished));
    const vq_status s = vq_manifest_write(q->outputs.work, root, e);
    json_decref(root);
    return s;
}

/* What was written is read back before it gets its name: a disk that lies is found here, not by a
 * user. */
static vq_status verify_own(quantization *q, vq_err *e)
{
    vq_findings f;
    VQ_TRY(
        vq_verify_folder(&f, q->job, q->outputs.work, true, NULL, &q->job->budget, &q->arena, e));
    const json_t *first = json_array_get(f.failures, 0);
    vq_status s = VQ_OK;
    if (first)
        s = vq_fail(e, VQ_E_BUG, "what was written does not verify: %s: %s",
                    json_string_value(json_object_get(first, "tensor")),
                    json_string_value(json_object_get(first, "what")));
    json_decref(f.failures);
    return s;
}

static vq_status check_sqnr(const quantization *q, vq_err *e)
{
    const vq_rounded *r = &q->rounded;
    for (size_t i = 0; i < r->nmodules; i++)
        if (r->sqnr_db[i] < q->recipe.min_sqnr_db)
            return vq_fail(e, VQ_E_NUMERIC, "%s: SQNR %.2f dB is below checks.min_sqnr_db %.2f",
                           r->modules[i].name, r->sqnr_db[i], q->recipe.min_sqnr_db);
    return VQ_OK;
}

static vq_status check_fallbacks(const quantization *q, vq_err *e)
{
    const vq_rounded *r = &q->rounded;
    size_t first;
    const size_t n = vq_rounded_fallbacks(r, &first);
    if ((double)n <= q->recipe.max_singular * (double)r->nmodules) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC,
                   "the rounder had to fall back in %zu of %zu linears (%s: %s), beyond "
                   "checks.max_singular_frac %g; give more samples",
                   n, r->nmodules, r->modules[first].name, r->fallback[first],
                   q->recipe.max_singular);
}

/* Seconds since the last call go to a phase of the summary. */
static void phase(quantization *q, const char *name)
{
    const double t = vq_seconds();
    (void)json_object_set_new(q->phases, name, json_real(t - q->phase_started));
    q->phase_started = t;
}

/* What a resumed run must share with the one that stopped. */
static vq_status made_from(quantization *q, const char *model_sha, json_t **out, vq_err *e)
{
    char recipe[VQ_SHA256_TEXT];
    vq_sha256_of(q->recipe.resolved, strlen(q->recipe.resolved), recipe);
    *out = json_pack("{s:s, s:s, s:s, s:s, s:s}", "version", VQ_VERSION, "model", model_sha,
                     "recipe", recipe, "isa", q->job->kernels.isa, "numeric",
                     q->job->kernels.strict ? "strict" : "fast");
    return *out ? VQ_OK : vq_fail(e, VQ_E_LIMIT, "no memory for the state of the run");
}

static vq_status round_all(quantization *q, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    char model[VQ_SHA256_TEXT] = "";
    vq_run_request r = {.plan = &q->plan,
                        .job = q->job,
                        .budget = &q->job->budget,
                        .dir = q->outputs.work,
                        .work = q->outputs.run,
                        .data = o->data,
                        .tokens = o->tokens,
                        .statistics = o->statistics,
                        .resume = o->resume,
                        .model_sha = model};
    VQ_TRY(vq_rounded_init(&q->rounded, &q->plan, &q->arena, e));
    if (q->schedule.by_blocks) VQ_TRY(vq_origin_model(&q->inputs, &q->model, model, e));
    VQ_TRY(made_from(q, model, &r.made_from, e));
    const vq_status s = vq_walk_all(&r, &q->schedule, &q->rounded, &q->calibration, &q->arena, e);
    json_decref(r.made_from);
    return s;
}

static vq_status make_artifact(quantization *q, vq_err *e)
{
    phase(q, "plan");
    VQ_TRY(round_all(q, e));
    phase(q, "round");
    VQ_TRY(check_sqnr(q, e));
    VQ_TRY(check_fallbacks(q, e));
    VQ_TRY(vq_rounding_digests(&q->rounded, &q->plan, q->outputs.work, &q->arena, e));
    VQ_TRY(vq_outputs_sidecars(&q->outputs, &q->plan, q->rounded.modules, q->rounded.nmodules,
                               q->rounded.untied, &q->arena, e));
    VQ_TRY(write_manifest(q, e));
    phase(q, "manifest");
    VQ_TRY(verify_own(q, e));
    phase(q, "verify");
    return VQ_OK;
}

static vq_status quantize_opened(quantization *q, json_t **result, vq_err *e)
{
    VQ_TRY(check_memory(q, e));
    const vq_quantize_options *o = q->o;
    VQ_TRY(vq_outputs_open(&q->outputs, o->model, q->recipe.name, o->out, o->force, o->resume,
                           &q->arena, e));
    vq_status s = vq_input_hash_begin(&q->inputs, &q->model.checkpoint.weights, q->job->threads,
                                      &q->arena, e);
    if (s == VQ_OK) s = make_artifact(q, e);
    if (s == VQ_OK) s = vq_outputs_commit(&q->outputs, e);
    if (s != VQ_OK) {
        vq_outputs_drop(&q->outputs, &q->arena);
        return s;
    }
    const vq_quantize_summary summary = {
        .out = q->outputs.out,
        .model = &q->model,
        .rounded = &q->rounded,
        .finish = q->plan.finish ? q->plan.finish->name : NULL,
        .calibration = calibration_json(&q->calibration),
        .phases = json_incref(q->phases),
        .seconds = vq_seconds() - q->started,
        .peak_bytes = q->job->budget.peak,
    };
    return vq_quantize_result(&summary, &q->arena, result, e);
}

vq_status vq_run_quantize(vq_job *job, const vq_quantize_options *o, json_t **result, vq_err *e)
{
    quantization q = {.job = job, .o = o, .started = vq_seconds(), .phases = json_object()};
    q.phase_started = q.started;
    vq_arena_init(&q.arena, &job->budget);
    vq_status s = open_inputs(&q, e);
    if (s == VQ_OK) {
        s = quantize_opened(&q, result, e);
        vq_input_hash_end(&q.inputs);
        vq_model_close(&q.model);
    }
    json_decref(q.phases);
    vq_arena_done(&q.arena);
    return s;
}

/* Times of the stages and of all; threads share out nearly everything. */
static vq_status tell_time(const quantization *q, json_t *result, vq_err *e)
{
    vq_rates rates;
    vq_cost cost[VQ_STAGES];
    double all = 0;
    VQ_TRY(vq_rates_measure(&rates, &q->plan, q->job, e));
    vq_schedule_costs(&q->schedule, q->job, cost);
    json_t *stages = json_object();
    for (int i = 0; i < VQ_STAGES; i++) {
        const double seconds =
            vq_cost_seconds(&cost[i], &rates) / (q->job->threads > 0 ? q->job->threads : 1);
        (void)json_object_set_new(stages, vq_stage_names[i], json_real(seconds));
        all += seconds;
    }
    (void)json_object_set_new(result, "seconds", json_real(all));
    (void)json_object_set_new(result, "stages", stages);
    return VQ_OK;
}

/* Named files are not read, but they must be there. */
static vq_status check_named(const vq_quantize_options *o, vq_err *e)
{
    const char *const files[] = {o->data, o->statistics};
    for (int i = 0; i < 2; i++) {
        vq_map m = {0};
        if (!files[i]) continue;
        VQ_TRY(vq_map_open(&m, files[i], e));
        vq_map_close(&m);
    }
    return VQ_OK;
}

static vq_status tell_plan(const quantization *q, json_t **result, bool *fits, vq_err *e)
{
    const size_t limit = q->job->budget.limit;
    VQ_TRY(check_named(q->o, e));
    const uint64_t peak = vq_schedule_bytes(&q->schedule, q->job);
    *fits = !limit || peak <= limit;
    *result = vq_plan_json(&q->plan, peak);
    (void)json_object_set_new(*result, "fits", json_boolean(*fits));
    return tell_time(q, *result, e);
}

vq_status vq_run_plan(vq_job *job, const vq_quantize_options *o, json_t **result, bool *fits,
                      vq_err *e)
{
    quantization q = {.job = job, .o = o};
    vq_arena_init(&q.arena, &job->budget);
    vq_status s = open_inputs(&q, e);
    if (s == VQ_OK) {
        s = tell_plan(&q, result, fits, e);
        vq_model_close(&q.model);
    }
    vq_arena_done(&q.arena);
    return s;
}
