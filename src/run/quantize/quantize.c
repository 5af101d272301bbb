/* quantize.c -- the main job: plan, calibrate, round, pack, verify, name. */
#include <stdio.h>
#include <string.h>

#include "plan/cost/rates.h"
#include "plan/model_passes.h"
#include "plan/plan_make.h"
#include "plan/samples.h"
#include "run/input_hash.h"
#include "run/manifest.h"
#include "run/origin.h"
#include "run/quantize/disk.h"
#include "run/quantize/folders.h"
#include "run/quantize/outputs.h"
#include "run/quantize/summary.h"
#include "run/recipe_open.h"
#include "run/run.h"
#include "run/schedule/walk.h"
#include "run/store/run_state.h"
#include "run/verify/verify.h"

typedef struct quantization {
    vq_job *job;
    const vq_quantize_options *o;
    vq_arena arena;
    vq_recipe recipe;
    vq_model model;
    vq_plan plan;
    vq_schedule schedule;
    vq_folders folders;
    vq_sidecars beside;
    vq_calibrated calibration;
    vq_rounded rounded;
    vq_input_hash inputs;
    double started, phase_started;
    vq_quantize_result *result; /* the caller's */
    vq_arena *results;
} quantization;

/* What will be copied at the end is opened before the work. */
static vq_status check_sidecars(quantization *q, vq_err *e)
{
    const vq_sidecars *all = &q->beside;
    VQ_TRY(vq_checkpoint_sidecars(&q->model.checkpoint, &q->beside, &q->arena, e));
    if (all->nleft)
        vq_warn(&q->job->reporter, "files-left-out", all->left[0],
                "%zu file%s like this one, of folders inside the model (programs, weights, large "
                "files), %s not copied",
                all->nleft, all->nleft == 1 ? "" : "s", all->nleft == 1 ? "is" : "are");
    return VQ_OK;
}

static void close_inputs(quantization *q)
{
    vq_sidecars_close(&q->beside);
    vq_model_close(&q->model);
}

/* What lies outside of the arenas, with the threads, the digests and the products of a run, which
 * take memory from their first use on. */
static void measure_outside(vq_job *job, bool multiplies, bool factors)
{
    const size_t others = multiplies ? vq_kernels_buffers(job->threads, factors) : 0;
#pragma omp parallel num_threads(job->threads)
    vq_sha256_of("", 0, (char[VQ_SHA256_TEXT]){0});
    vq_budget_measure(&job->budget);
    job->budget.outside += others;
}

/* Values of calib that count for samples alone; calib.seed is whatever is drawn, and with statistics
 * calib.propagate says whether there are samples. */
static void tell_unused_sets(const quantization *q)
{
    for (int i = 0; i < q->o->nsets; i++) {
        const char *set = q->o->sets[i];
        if (strncmp(set, "calib.", 6) != 0 || strncmp(set + 6, "seed=", 5) == 0 ||
            strcmp(set + 6, "data=none") == 0 ||
            (q->schedule.given.statistics && strncmp(set + 6, "propagate=", 10) == 0))
            continue;
        vq_warn(&q->job->reporter, "data-unused", set,
                "the %s calibrates on no samples; the value is not used",
                q->schedule.by_blocks ? "run" : "recipe");
    }
}

/* What the user gave beside recipe and model, and the run makes nothing of. */
static vq_status check_given(const quantization *q, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    const vq_schedule *s = &q->schedule;
    if (s->given.statistics && s->own_text)
        vq_warn(&q->job->reporter, "own-text", o->statistics,
                "the recipe runs samples through the model beside the statistics, and the model "
                "writes them itself; --data TEXT takes those of a text");
    if (!s->samples) tell_unused_sets(q);
    if (!s->samples && o->data.n && o->data.list[0].path)
        vq_warn(&q->job->reporter, "data-unused", o->data.list[0].path,
                "the %s gathers no statistics; the data is not used",
                s->by_blocks ? "run" : "recipe");
    if (o->statistics && !s->given.statistics)
        vq_warn(&q->job->reporter, "data-unused", o->statistics,
                "the recipe needs no statistics; the file is not used");
    if (!s->given.statistics || !vq_model_passes_any(&q->plan)) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: statistics of the original model do not fit rotate, ksort or "
                   "stream_order; leave --stats out",
                   o->statistics);
}

static vq_status open_inputs(quantization *q, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    const vq_recipe_request recipe = {o->recipe, o->sets, o->nsets, o->data.n || o->statistics};
    VQ_TRY(vq_recipe_open(&q->recipe, &recipe, &q->arena, e));
    VQ_TRY(vq_model_open_dense(&q->model, o->model, q->job, &q->arena, e));
    vq_status s = vq_plan_make(&q->plan, &q->recipe, &q->model, &q->arena, e);
    if (s == VQ_OK) s = vq_recipe_settle(&q->recipe, q->model.dtype, &q->arena, e);
    const vq_given given = {.data = o->data, .statistics = o->statistics != NULL};
    if (s == VQ_OK) s = vq_schedule_make(&q->schedule, &q->plan, given, &q->arena, e);
    if (s == VQ_OK && q->schedule.by_blocks) s = vq_model_need_graph(&q->model, "calibration", e);
    if (s == VQ_OK && q->schedule.by_blocks) s = vq_kernels_room(q->job->threads, e);
    if (s == VQ_OK) s = check_given(q, e);
    if (s == VQ_OK) s = check_sidecars(q, e);
    if (s == VQ_OK) vq_plan_warn(&q->plan, &q->job->reporter);
    if (s == VQ_OK)
        measure_outside(q->job, q->schedule.by_blocks,
                        (q->plan.needs & (VQ_NEED_HESSIAN | VQ_NEED_GRADIENT)) != 0);
    if (s != VQ_OK) close_inputs(q);
    return s;
}

/* Shorter samples say little of a model. */
enum { LEAST_TOKENS = 32 };

/* The longest samples, of halves of calib.seqlen, with which the run fits the limit; 0: with none, or
 * it reads none. */
static int64_t seqlen_that_fits(quantization *q)
{
    const int64_t given = q->recipe.calib.seqlen;
    int64_t *seqlen = &q->recipe.calib.seqlen, fits = 0;
    if (!q->schedule.samples) return 0;
    for (*seqlen = vq_sample_tokens(&q->plan) / 2; *seqlen >= LEAST_TOKENS && !fits; *seqlen /= 2)
        if (vq_schedule_fits(vq_schedule_bytes(&q->schedule, q->job), q->job)) fits = *seqlen;
    *seqlen = given;
    return fits;
}

/* What more samples than the data hold would take is not what is missing: the data say so first. */
static vq_status blame_data(quantization *q, vq_status s, vq_err *e)
{
    vq_sample_set samples;
    vq_err why;
    if (s == VQ_OK || !q->schedule.samples) return s;
    const vq_status data =
        vq_samples_find(&samples, &q->plan, q->o->data, NULL, NULL, q->job, &q->arena, &why);
    if (data != VQ_E_INPUT) return s;
    *e = why;
    return data;
}

static vq_status check_memory(quantization *q, vq_err *e)
{
    char shorter[80] = "";
    const size_t limit = q->job->budget.limit;
    const uint64_t peak = vq_schedule_bytes(&q->schedule, q->job);
    if (vq_schedule_fits(peak, q->job)) return VQ_OK;
    const int64_t fits = seqlen_that_fits(q);
    if (fits)
        (void)snprintf(shorter, sizeof shorter,
                       ", or take shorter samples: --set calib.seqlen=%lld", (long long)fits);
    return vq_fail(
        e, VQ_E_LIMIT,
        "the plan needs %.1f MiB of memory (%.1f of it outside of tensors) and the limit "
        "is %.1f MiB; raise --mem-limit%s",
        (double)peak / 0x1p20, (double)q->job->budget.outside / 0x1p20, (double)limit / 0x1p20,
        shorter);
}

/* A full disk is found before the work: the artifact, and what it is made from, which a resumed run has
 * written in part. */
static vq_status check_space(quantization *q, vq_err *e)
{
    uint64_t bytes;
    if (q->folders.resumes) return VQ_OK;
    VQ_TRY(vq_disk_most(&q->plan, &q->beside, q->recipe.resolved, &bytes, &q->arena, e));
    return vq_check_space(q->folders.work, bytes + vq_disk_work(&q->schedule, q->job), e);
}

static vq_status write_manifest(quantization *q, vq_err *e)
{
    vq_manifest m = {.recipe = q->recipe.name,
                     .dequantized = q->model.dequantized.method,
                     .ndequantized = q->model.dequantized.weights,
                     .ndraft = q->plan.ndraft,
                     .yaml = q->recipe.resolved,
                     .ninputs = q->model.checkpoint.weights.nfiles,
                     .calibration = q->calibration,
                     .nmodules = q->rounded.nmodules,
                     .finish = q->plan.finish ? q->plan.finish->name : NULL,
                     .finished = q->rounded.finished};
    VQ_TRY(vq_folders_check(&q->folders, &q->arena, e));
    VQ_TRY(vq_folder_digests(q->folders.work, &m.files, &m.nfiles, &q->arena, e));
    VQ_TRY(vq_input_hash_list(&q->inputs, &m.inputs, &q->arena, e));
    VQ_TRY(vq_summary_entries(&q->rounded, &m.modules, &q->arena, e));
    VQ_TRY(vq_summary_files(m.files, m.nfiles, q->result, q->results, e));
    return vq_manifest_write(q->folders.work, &m, e);
}

/* What was written is read back before it gets its name: a disk that lies is found here, not by a
 * user. */
static vq_status verify_own(quantization *q, vq_err *e)
{
    vq_findings f;
    VQ_TRY(vq_verify_folder(&f, q->job, q->folders.work, true, NULL, &q->job->budget, &q->arena,
                            &q->arena, e));
    if (!f.count) return VQ_OK;
    VQ_TRY(vq_folders_check(&q->folders, &q->arena, e));
    return vq_fail(e, VQ_E_BUG, "what was written does not verify: %s: %s", f.failures[0].tensor,
                   f.failures[0].what);
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
static void phase(quantization *q, vq_phase of)
{
    const double t = vq_seconds();
    q->result->phases[of] = t - q->phase_started;
    q->phase_started = t;
}

/* What a resumed run must share with the one that stopped; borrows the digests. */
static vq_made_from made_from(const quantization *q, const char *model_sha, const char *recipe_sha)
{
    const bool strict = q->job->kernels.strict;
    return (vq_made_from){
        .of = {[VQ_MADE_VERSION] = VQ_VERSION,
               [VQ_MADE_MODEL] = model_sha,
               [VQ_MADE_RECIPE] = recipe_sha,
               [VQ_MADE_ISA] = q->job->kernels.isa,
               [VQ_MADE_NUMERIC] = strict ? "strict" : "fast",
               [VQ_MADE_BLAS] = strict ? "none" : vq_kernels_blas(&q->job->kernels)}};
}

static vq_status round_all(quantization *q, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    char model[VQ_SHA256_TEXT] = "", recipe[VQ_SHA256_TEXT] = "";
    vq_made_from made = made_from(q, model, recipe);
    const vq_run_request r = {.plan = &q->plan,
                              .job = q->job,
                              .budget = &q->job->budget,
                              .dir = q->folders.work,
                              .work = q->folders.run,
                              .data = o->data,
                              .statistics = o->statistics,
                              .resume = q->folders.resumes,
                              .model_sha = model,
                              .made_from = &made};
    VQ_TRY(vq_rounded_init(&q->rounded, &q->plan, &q->arena, e));
    VQ_TRY(vq_schedule_expect(&q->schedule, q->job, e));
    if (q->schedule.by_blocks) VQ_TRY(vq_origin_model(&q->inputs, &q->model, model, &q->arena, e));
    vq_sha256_of(q->recipe.resolved, strlen(q->recipe.resolved), recipe);
    return vq_walk_all(&r, &q->schedule, &q->rounded, &q->calibration, &q->arena, e);
}

static vq_status make_artifact(quantization *q, vq_err *e)
{
    phase(q, VQ_PHASE_PLAN);
    VQ_TRY(round_all(q, e));
    phase(q, VQ_PHASE_ROUND);
    VQ_TRY(check_sqnr(q, e));
    VQ_TRY(check_fallbacks(q, e));
    VQ_TRY(vq_rounding_digests(&q->rounded, &q->plan, q->folders.work, &q->arena, e));
    VQ_TRY(vq_outputs_sidecars(q->folders.work, &q->plan, &q->beside, q->rounded.modules,
                               q->rounded.nmodules, q->rounded.untied || q->model.untied,
                               &q->job->reporter, &q->arena, e));
    VQ_TRY(write_manifest(q, e));
    phase(q, VQ_PHASE_MANIFEST);
    VQ_TRY(verify_own(q, e));
    phase(q, VQ_PHASE_VERIFY);
    return VQ_OK;
}

/* All that needs memory, before the artifact takes its name. */
static vq_status tell(const quantization *q, vq_err *e)
{
    vq_quantize_result *r = q->result;
    const vq_tensor_set *set = &q->model.checkpoint.weights;
    r->out = vq_arena_text(q->results, e, "%s", q->folders.out);
    if (!r->out) return e->status;
    for (size_t i = 0; i < set->nfiles; i++) r->bytes_in += set->files[i].map.size;
    r->calibration = q->calibration;
    VQ_TRY(vq_sample_parts_copy(&r->calibration.parts, r->calibration.nparts, q->results, e));
    r->runs = q->model.arch != NULL;
    vq_summary_loaders(&q->plan, r->runtimes);
    vq_summary_warn(&q->plan, r->runtimes, &q->job->reporter);
    r->finish = q->plan.finish ? q->plan.finish->name : NULL;
    return vq_summary_modules(&q->rounded, r, q->results, e);
}

/* The artifact has its name: what stays beside it is no failure. */
static void clean(quantization *q)
{
    vq_err why;
    if (vq_folders_clean(&q->folders, &why) != VQ_OK)
        vq_warn(&q->job->reporter, "run-folder-left", q->folders.run, "%s; the artifact is whole",
                why.text);
}

/* What is finished is kept when the system refused something, or the name is taken meanwhile; the
 * other errors would come again. */
static void say_how_to_go_on(const quantization *q, vq_status s, vq_err *e)
{
    const size_t n = strlen(e->text);
    if (s != VQ_OK && q->result->kept)
        (void)snprintf(e->text + n, sizeof e->text - n, "; the same command with --resume goes on");
}

/* A run that meets such an end has nothing that is worth resuming: model or recipe must change. */
static bool another_try_fails(vq_status s)
{
    return s == VQ_E_INPUT || s == VQ_E_RECIPE || s == VQ_E_NUMERIC;
}

static vq_status quantize_opened(quantization *q, vq_err *e)
{
    VQ_TRY(blame_data(q, check_memory(q, e), e));
    const vq_quantize_options *o = q->o;
    const char *inputs[VQ_SOURCES_MAX + 3] = {o->model, o->recipe, o->statistics};
    for (int i = 0; i < o->data.n; i++) inputs[3 + i] = o->data.list[i].path;
    const vq_folders_request folders = {.inputs = inputs,
                                        .ninputs = 3 + (size_t)o->data.n,
                                        .recipe = q->recipe.name,
                                        .out = o->out,
                                        .force = o->force,
                                        .resume = o->resume};
    VQ_TRY(vq_folders_open(&q->folders, &folders, &q->arena, e));
    if (q->folders.cached)
        vq_say(&q->job->reporter, 0, "the model lies in a cache of downloads: the output is %s",
               q->folders.out);
    vq_status s = blame_data(q, check_space(q, e), e);
    if (s == VQ_OK)
        s = vq_input_hash_begin(&q->inputs, &q->model.checkpoint.weights, q->job->threads,
                                &q->arena, e);
    if (s == VQ_OK) s = vq_model_blame(&q->model, &q->job->kernels, make_artifact(q, e), e);
    if (s == VQ_OK) s = tell(q, e);
    const bool made = s == VQ_OK; /* what is in the way of its name can go */
    if (made) s = vq_folders_commit(&q->folders, &q->arena, e);
    if (s == VQ_OK) clean(q);
    vq_err unsaid;
    if (!made && another_try_fails(s) && !o->resume) (void)vq_folders_clean(&q->folders, &unsaid);
    vq_folders_drop(&q->folders);
    q->result->kept = vq_run_state_exists(q->folders.run, &q->arena);
    if (made || s == VQ_E_LIMIT || s == VQ_E_IO) say_how_to_go_on(q, s, e);
    q->result->seconds = vq_seconds() - q->started;
    q->result->peak_bytes = q->job->budget.peak;
    return s;
}

vq_status vq_run_quantize(vq_job *job, const vq_quantize_options *o, vq_quantize_result *r,
                          vq_arena *a, vq_err *e)
{
    quantization q = {.job = job, .o = o, .started = vq_seconds(), .result = r, .results = a};
    *r = (vq_quantize_result){.kept = o->resume};
    q.phase_started = q.started;
    vq_arena_init(&q.arena, &job->budget);
    vq_status s = open_inputs(&q, e);
    if (s == VQ_OK) {
        s = quantize_opened(&q, e);
        vq_input_hash_end(&q.inputs);
        close_inputs(&q);
    }
    vq_arena_done(&q.arena);
    return s;
}

/* Whose model they are is not asked: that takes the hash of all weights. */
static vq_status check_statistics(quantization *q, vq_err *e)
{
    const char *path = q->o->statistics;
    vq_stats_file f;
    VQ_TRY(vq_stats_load(&f, path, &q->model.graph, &q->arena, e));
    const vq_status s =
        vq_origin_serves(&f, &q->plan, q->schedule.quantized, f.origin.model, path, e);
    vq_stats_close(&f);
    return s;
}

static vq_status check_there(const char *path, vq_err *e)
{
    vq_map m = {0};
    if (!path) return VQ_OK;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_map_close(&m);
    return VQ_OK;
}

/* What is used, or missing, is found as the run finds it, but for what the model writes itself; what
 * nothing asks for must only be there. */
static vq_status check_named(quantization *q, vq_sample_set *samples, vq_err *e)
{
    const vq_quantize_options *o = q->o;
    const vq_schedule *s = &q->schedule;
    *samples = (vq_sample_set){0};
    if (s->samples)
        VQ_TRY(vq_samples_find(samples, &q->plan, o->data, NULL, NULL, q->job, &q->arena, e));
    else
        for (int i = 0; i < o->data.n; i++) VQ_TRY(check_there(o->data.list[i].path, e));
    return s->given.statistics ? check_statistics(q, e) : check_there(o->statistics, e);
}

static vq_status tell_plan(quantization *q, vq_plan_result *r, vq_arena *a, vq_err *e)
{
    vq_sample_set samples;
    VQ_TRY(check_named(q, &samples, e));
    VQ_TRY(vq_plan_tell(&q->plan, r, a, e));
    VQ_TRY(vq_disk_most(&q->plan, &q->beside, q->recipe.resolved, &r->disk, &q->arena, e));
    r->disk_work = vq_disk_work(&q->schedule, q->job);
    const vq_folders_request names = {
        .inputs = &q->o->model, .ninputs = 1, .recipe = q->recipe.name};
    VQ_TRY(vq_folders_name(&q->folders, &names, a, e));
    r->out = q->folders.out;
    r->samples = q->schedule.samples ? q->recipe.calib.samples : 0;
    r->seqlen = vq_sample_tokens(&q->plan);
    r->seed = q->recipe.calib.seed;
    r->own_text = q->schedule.own_text > 0;
    r->sources = samples.parts;
    r->nsources = samples.nparts;
    VQ_TRY(vq_sample_parts_copy(&r->sources, r->nsources, a, e));
    r->peak_bytes = vq_schedule_bytes(&q->schedule, q->job);
    r->outside_bytes = q->job->budget.outside;
    r->fits = vq_schedule_fits(r->peak_bytes, q->job);
    vq_cost work[VQ_STAGES];
    vq_schedule_costs(&q->schedule, q->job, work);
    return vq_plan_tell_time(&q->plan, q->job, work, r, e);
}

vq_status vq_run_plan(vq_job *job, const vq_quantize_options *o, vq_plan_result *r, vq_arena *a,
                      vq_err *e)
{
    quantization q = {.job = job, .o = o};
    vq_arena_init(&q.arena, &job->budget);
    vq_status s = open_inputs(&q, e);
    if (s == VQ_OK) {
        s = tell_plan(&q, r, a, e);
        close_inputs(&q);
    }
    vq_arena_done(&q.arena);
    return s;
}
