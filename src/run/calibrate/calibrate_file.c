/* calibrate_file.c -- vq calibrate: plans, samples, one sweep for all of them, and every layer into the
 * file as soon as it is done. */
#include <string.h>

#include "calib/unseen.h"
#include "plan/cost/budget.h"
#include "plan/model_passes.h"
#include "plan/plan_make.h"
#include "plan/samples.h"
#include "run/calibrate/source_coverage.h"
#include "run/origin.h"
#include "run/quantize/folders.h"
#include "run/recipe_open.h"
#include "run/run.h"
#include "run/schedule/schedule.h"

typedef struct calibration_job {
    vq_job *job;
    const vq_calibrate_options *o;
    vq_arena arena, scratch; /* of the run; of one block's work */
    vq_recipe *recipes;      /* of o */
    vq_model model;
    vq_plan plan; /* of the first recipe, with the needs of all */
    vq_folders folders;
    vq_input_hash inputs;
    vq_sample_set set;
    vq_stats_origin origin;
    vq_stats_writer *writer;
    vq_coverage coverage; /* of several sources */
    vq_coverage_result found;
    vq_arena *results;
    const char **sampled; /* recipes that take samples beside the statistics */
    int nsampled;
    double started, text_seconds, sweep_seconds; /* the last two: expected */
    int unseen;                                  /* experts that no token went to */
} calibration_job;

static vq_status open_recipes(calibration_job *c, vq_err *e)
{
    const vq_calibrate_options *o = c->o;
    c->recipes = VQ_NEW(&c->arena, vq_recipe, o->nrecipes, "recipes", e);
    if (!c->recipes) return e->status;
    for (int i = 0; i < o->nrecipes; i++) {
        const vq_recipe_request one = {o->recipes[i], o->sets, o->nsets, o->data.n > 0};
        VQ_TRY(vq_recipe_open(&c->recipes[i], &one, &c->arena, e));
    }
    return VQ_OK;
}

static vq_status plan_one(calibration_job *c, const vq_recipe *recipe, vq_plan *p, vq_err *e)
{
    VQ_TRY(vq_plan_make(p, recipe, &c->model, &c->arena, e));
    if (!p->needs)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: this recipe needs no statistics; vq quantize does without them",
                       recipe->path);
    if (vq_model_passes_any(p))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: rotate, ksort and stream_order change the model before statistics are "
                       "gathered; vq quantize does both",
                       recipe->path);
    return VQ_OK;
}

/* Is the data needed again where the statistics are used? */
static vq_status note_sampled(calibration_job *c, const vq_plan *p, const char *recipe, vq_err *e)
{
    vq_schedule s;
    const vq_given given = {.data = c->o->data, .statistics = true};
    VQ_TRY(vq_schedule_make(&s, p, given, &c->arena, e));
    if (!s.samples) return VQ_OK;
    c->sampled[c->nsampled] = vq_arena_text(c->results, e, "%s", recipe);
    return c->sampled[c->nsampled++] ? VQ_OK : e->status;
}

static vq_status plan_all(calibration_job *c, vq_err *e)
{
    const vq_calibrate_options *o = c->o;
    c->sampled = VQ_ALLOC(c->results, const char *, o->nrecipes, "recipes", e);
    if (!c->sampled) return e->status;
    VQ_TRY(plan_one(c, &c->recipes[0], &c->plan, e));
    VQ_TRY(note_sampled(c, &c->plan, o->recipes[0], e));
    for (int i = 1; i < o->nrecipes; i++) {
        vq_plan other;
        VQ_TRY(plan_one(c, &c->recipes[i], &other, e));
        VQ_TRY(vq_samples_agree(&c->plan, &other, o->data, e));
        VQ_TRY(note_sampled(c, &other, o->recipes[i], e));
        c->plan.needs |= other.needs;
    }
    return VQ_OK;
}

static vq_status open_inputs(calibration_job *c, vq_err *e)
{
    VQ_TRY(open_recipes(c, e));
    VQ_TRY(vq_model_open_dense(&c->model, c->o->model, c->job, &c->arena, e));
    vq_status s = vq_model_need_graph(&c->model, "vq calibrate", e);
    if (s == VQ_OK) s = vq_kernels_room(c->job->threads, e);
    if (s == VQ_OK) s = plan_all(c, e);
    if (s == VQ_OK) vq_plan_warn(&c->plan, &c->job->reporter);
    vq_budget_measure(&c->job->budget);
    if (s != VQ_OK) vq_model_close(&c->model);
    return s;
}

static vq_status put_layer(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    calibration_job *c = ctx;
    c->unseen += vq_unseen_warn(&c->job->reporter, layer, stats, nstats);
    return vq_stats_put(c->writer, layer, stats, nstats, e);
}

static vq_status sweep(calibration_job *c, const vq_exec *x, vq_err *e)
{
    vq_calib_options o = vq_calibration_options(&c->plan, c->job, c->plan.needs, c->folders.run);
    if (c->set.nparts > 1) {
        VQ_TRY(vq_source_coverage_begin(&c->coverage, &c->set, &c->arena, c->results, e));
        o.coverage = &c->coverage;
    }
    const vq_stats_sink sink = {.ctx = c, .layer = put_layer};
    if (!(c->plan.needs & VQ_NEED_GRADIENT))
        return vq_calib_forward(x, &c->set.samples, &o, &sink, &c->job->reporter, &c->arena, e);
    return vq_calib_gradients(x, &c->set.samples, &o, c->origin.seed, c->model.graph.layers, &sink,
                              &c->job->reporter, &c->arena, e);
}

/* Found before the work, as quantize does. */
static vq_status check_memory(const vq_schedule *s, const vq_job *job, vq_err *e)
{
    const uint64_t peak = vq_schedule_bytes(s, job);
    if (vq_schedule_fits(peak, job)) return VQ_OK;
    return vq_fail(
        e, VQ_E_LIMIT,
        "the sweep needs %.1f MiB of memory and the limit is %.1f MiB; raise --mem-limit, "
        "or take shorter samples: --set calib.seqlen",
        (double)peak / 0x1p20, (double)job->budget.limit / 0x1p20);
}

/* Steps that rounding alone would have. */
static void leave_sweep(vq_schedule *s)
{
    int kept = 0;
    for (int i = 0; i < s->count; i++) {
        const vq_step_kind *kind = s->steps[i].kind;
        if (kind == &vq_step_text || kind == &vq_step_gradients || kind == &vq_step_gather)
            s->steps[kept++] = s->steps[i];
    }
    s->count = kept;
}

/* What writing the text takes and what the sweep, as quantize would have it as steps of its run. */
static vq_status expect(calibration_job *c, vq_err *e)
{
    vq_schedule s;
    VQ_TRY(vq_schedule_make(&s, &c->plan, (vq_given){.data = c->o->data}, &c->arena, e));
    leave_sweep(&s);
    VQ_TRY(check_memory(&s, c->job, e));
    VQ_TRY(vq_schedule_expect(&s, c->job, e));
    c->text_seconds = vq_schedule_seconds(&s, &vq_step_text);
    c->sweep_seconds = vq_schedule_seconds(&s, s.gradients ? &vq_step_gradients : &vq_step_gather);
    return VQ_OK;
}

static vq_status find_samples(calibration_job *c, const vq_exec *x, vq_err *e)
{
    VQ_TRY(expect(c, e));
    const double all = c->text_seconds + c->sweep_seconds;
    vq_expect(&c->job->reporter, &(vq_forecast){0, c->text_seconds, all, true});
    VQ_TRY(vq_samples_find(&c->set, &c->plan, c->o->data, x, NULL, c->job, &c->arena, e));
    vq_expect(&c->job->reporter, &(vq_forecast){c->text_seconds, c->sweep_seconds, all, true});
    return VQ_OK;
}

static vq_status gather(calibration_job *c, vq_err *e)
{
    const vq_exec x = vq_model_exec(&c->model, c->job, &c->scratch, false);
    VQ_TRY(find_samples(c, &x, e));
    char model[VQ_SHA256_TEXT];
    VQ_TRY(vq_origin_model(&c->inputs, &c->model, model, &c->arena, e));
    c->origin = vq_origin_of(&c->plan, &c->set.samples, model);
    VQ_TRY(vq_stats_create(&c->writer, c->folders.file, &c->origin, &c->model.graph, 0,
                           c->model.graph.layers, &c->arena, e));
    VQ_TRY(sweep(c, &x, e));
    if (c->coverage.sources) VQ_TRY(vq_source_coverage_end(&c->coverage, &c->found, e));
    VQ_TRY(vq_stats_commit(c->writer, e));
    return vq_folders_commit(&c->folders, &c->arena, e);
}

static vq_status tell(const calibration_job *c, vq_calibrate_result *r, vq_arena *a, vq_err *e)
{
    const vq_stats_origin *o = &c->origin;
    r->needs = o->needs;
    r->layers = c->model.graph.layers;
    memcpy(r->model, o->model, sizeof r->model);
    r->calibration = vq_origin_calibrated(&c->set);
    r->seconds = vq_seconds() - c->started;
    r->peak_bytes = c->job->budget.peak;
    r->unseen_experts = c->unseen;
    r->sampled = c->sampled;
    r->nsampled = c->nsampled;
    r->coverage = c->found;
    VQ_TRY(vq_sample_parts_copy(&r->calibration.parts, r->calibration.nparts, a, e));
    vq_source_coverage_warn(&r->coverage, r->calibration.parts, &c->job->reporter);
    return VQ_OK;
}

static vq_status run_opened(calibration_job *c, vq_calibrate_result *r, vq_arena *a, vq_err *e)
{
    *r = (vq_calibrate_result){.out = vq_arena_text(a, e, "%s", c->o->out)};
    if (!r->out) return e->status;
    VQ_TRY(vq_input_hash_begin(&c->inputs, &c->model.checkpoint.weights, c->job->threads, &c->arena,
                               e));
    vq_status s = vq_model_blame(&c->model, &c->job->kernels, gather(c, e), e);
    vq_stats_drop(c->writer);
    if (s == VQ_OK) s = tell(c, r, a, e);
    vq_input_hash_end(&c->inputs);
    return s;
}

static bool is_made(const void *ctx, const vq_map *m)
{
    (void)ctx;
    return vq_stats_made(m);
}
static const vq_file_kind statistics = {.name = "a statistics file of vq", .made = is_made};

/* Of what the output must keep clear: model, recipes, data. */
static vq_status open_folders(calibration_job *c, vq_err *e)
{
    const vq_calibrate_options *o = c->o;
    const size_t n = 1 + (size_t)o->nrecipes + (size_t)o->data.n;
    const char **inputs = VQ_ALLOC(&c->arena, const char *, n, "inputs", e), **next = inputs;
    if (!inputs) return e->status;
    *next++ = o->model;
    for (int i = 0; i < o->nrecipes; i++) *next++ = o->recipes[i];
    for (int i = 0; i < o->data.n; i++) *next++ = o->data.list[i].path;
    const vq_folders_request folders = {
        .inputs = inputs, .ninputs = n, .out = o->out, .kind = &statistics, .force = o->force};
    return vq_folders_open(&c->folders, &folders, &c->arena, e);
}

vq_status vq_run_calibrate(vq_job *job, const vq_calibrate_options *o, vq_calibrate_result *r,
                           vq_arena *a, vq_err *e)
{
    calibration_job c = {.job = job, .o = o, .results = a, .started = vq_seconds()};
    vq_arena_init(&c.arena, &job->budget);
    vq_arena_init(&c.scratch, &job->budget);
    vq_status s = open_folders(&c, e);
    if (s == VQ_OK) {
        s = open_inputs(&c, e);
        if (s == VQ_OK) {
            s = run_opened(&c, r, a, e);
            vq_model_close(&c.model);
        }
        vq_folders_close(&c.folders, &job->reporter);
    }
    vq_arena_done(&c.scratch);
    vq_arena_done(&c.arena);
    return s;
}

/* The inputs, and their paths behind each other, from the arena. */
static vq_status copy_inputs(const vq_merge_options *o, vq_merge_input **in, const char ***paths,
                             vq_arena *a, vq_err *e)
{
    *in = VQ_ALLOC(a, vq_merge_input, o->ninputs, "statistics files", e);
    *paths = *in ? VQ_ALLOC(a, const char *, o->ninputs, "statistics files", e) : NULL;
    if (!*paths) return e->status;
    for (int i = 0; i < o->ninputs; i++) {
        (*in)[i] = o->inputs[i];
        (*in)[i].path = (*paths)[i] = vq_arena_text(a, e, "%s", o->inputs[i].path);
        if (!(*paths)[i]) return e->status;
    }
    return VQ_OK;
}

vq_status vq_run_merge_stats(vq_job *job, const vq_merge_options *o, vq_merge_result *r,
                             vq_arena *a, vq_err *e)
{
    vq_stats_origin merged;
    vq_arena scratch;
    vq_folders f;
    vq_merge_input *in;
    const char **paths;
    VQ_TRY(copy_inputs(o, &in, &paths, a, e));
    const vq_folders_request folders = {.inputs = paths,
                                        .ninputs = (size_t)o->ninputs,
                                        .out = o->out,
                                        .kind = &statistics,
                                        .force = o->force};
    const char *name = vq_arena_text(a, e, "%s", o->out);
    if (!name) return e->status;
    vq_arena_init(&scratch, &job->budget);
    vq_status s = vq_folders_open(&f, &folders, &scratch, e);
    if (s == VQ_OK) {
        s = vq_stats_merge(in, o->ninputs, f.file, o->common, &merged, &scratch, e);
        if (s == VQ_OK) s = vq_folders_commit(&f, &scratch, e);
        vq_folders_close(&f, &job->reporter);
    }
    vq_arena_done(&scratch);
    if (s == VQ_OK)
        *r = (vq_merge_result){.out = name,
                               .needs = merged.needs,
                               .inputs = in,
                               .ninputs = o->ninputs,
                               .samples = merged.samples,
                               .seqlen = merged.seqlen};
    return s;
}
