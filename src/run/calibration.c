/* calibration.c -- finds the samples and drives the sweep over the blocks. */
#include "run/calibration.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"

#define BATCH_TOKENS 4096
#define SPOOL_SHARE 4 /* activations may take a quarter of the memory limit before they go to disk */

static int64_t window_tokens(const vq_plan *p)
{
    const int64_t len = p->recipe->calib.seqlen, max = p->model->graph.max_position;
    return max > 0 && len > max ? max : len;
}

static vq_batch calibration_batch(const vq_plan *p)
{
    const int64_t len = window_tokens(p);
    return (vq_batch){.sequences = len < BATCH_TOKENS ? BATCH_TOKENS / len : 1, .length = len};
}

static size_t spool_bytes(const vq_plan *p, const vq_job *job)
{
    const size_t all = (size_t)p->recipe->calib.samples * (size_t)window_tokens(p) * (size_t)p->model->graph.hidden * sizeof(float);
    const size_t room = job->budget.limit / SPOOL_SHARE;
    return job->budget.limit && all > room ? room : all;
}

uint64_t vq_calibration_bytes(const vq_plan *p, const vq_job *job)
{
    if (!p->model->arch) return 0;
    const vq_exec x = vq_model_exec(p->model, job, NULL, false);
    const vq_batch b = calibration_batch(p);
    return vq_exec_bytes(&x, &b) + spool_bytes(p, job);
}

/* A text that holds at least half of the samples gives what it holds, with a warning; less would be another recipe. */
static vq_status count_samples(const vq_plan *p, const vq_ids *ids, const char *path, const vq_watch *watch, vq_samples *s, vq_err *e)
{
    const bool random = p->recipe->calib.random;
    const int64_t fits = (int64_t)ids->count / s->length;
    if (fits < 1 || (!random && 2 * fits < s->count))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %zu tokens; %lld samples of %lld need %lld: give more text, or lower calib.samples or calib.seqlen", path,
                       ids->count, (long long)s->count, (long long)s->length, (long long)(s->count * s->length));
    if (random || fits >= s->count) return VQ_OK;
    vq_warn(watch, "fewer-samples", path, "%zu tokens hold %lld of the %lld samples of %lld; calibrating on those", ids->count,
            (long long)fits, (long long)s->count, (long long)s->length);
    s->count = fits;
    return VQ_OK;
}

/* Windows of the data: the first ones, or seeded random starts (with repetition only when there are more samples than places). */
static vq_status pick_samples(const vq_plan *p, const vq_ids *ids, vq_samples *s, vq_arena *a, vq_err *e)
{
    const int64_t places = (int64_t)ids->count - s->length + 1;
    int32_t *out = VQ_ALLOC(a, int32_t, s->count * s->length, "samples", e);
    if (!out) return e->status;
    for (int64_t i = 0; i < s->count; i++) {
        const uint64_t r = vq_rng_at(p->recipe->calib.seed, (uint64_t)i);
        const int64_t at = p->recipe->calib.random ? (int64_t)(r % (uint64_t)places) : i * s->length;
        memcpy(out + i * s->length, ids->ids + at, (size_t)s->length * sizeof *out);
    }
    s->ids = out;
    return VQ_OK;
}

static vq_status samples_from_file(vq_calibration *c, const vq_plan *p, const char *path, bool tokens, const vq_job *job, vq_samples *s,
                                   vq_arena *a, vq_err *e)
{
    vq_ids ids;
    VQ_TRY(vq_model_ids(p->model, path, tokens, false, &ids, a, e));
    memcpy(c->sha256, ids.sha256, sizeof c->sha256);
    c->kind = tokens ? "tokens" : "text";
    VQ_TRY(count_samples(p, &ids, path, &job->watch, s, e));
    return pick_samples(p, &ids, s, a, e);
}

static vq_status samples_from_model(vq_calibration *c, const vq_plan *p, const vq_exec *x, const vq_job *job, vq_samples *s, vq_arena *a,
                                    vq_err *e)
{
    const vq_hf_config *config = &p->model->checkpoint.config;
    const int64_t start = config->bos >= 0 ? config->bos : config->eos_count ? config->eos[0] : 0;
    c->kind = "self";
    vq_say(&job->watch, 0, "no calibration data given: calibrating on %lld x %lld tokens that the model writes itself (seed %llu)",
           (long long)s->count, (long long)s->length, (unsigned long long)p->recipe->calib.seed);
    return vq_calib_self(x, start, p->recipe->calib.seed, s, &job->watch, a, e);
}

static vq_status find_samples(vq_calibration *c, const vq_plan *p, const char *data, bool tokens, const vq_exec *x, const vq_job *job,
                              vq_samples *s, vq_arena *a, vq_err *e)
{
    const vq_calib_recipe *r = &p->recipe->calib;
    if (data) return samples_from_file(c, p, data, tokens || r->kind == VQ_KIND_TOKENS, job, s, a, e);
    if (r->data == VQ_DATA_PATH) return samples_from_file(c, p, r->path, r->kind == VQ_KIND_TOKENS, job, s, a, e);
    if (r->data == VQ_DATA_SELF) return samples_from_model(c, p, x, job, s, a, e);
    return vq_fail(e, VQ_E_RECIPE, "%s: this recipe needs calibration text; give it with --data FILE", p->recipe->path);
}

static int groups_of_layer(const vq_linear_group *g, int n, int layer)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += g[i].layer == layer;
    return count;
}

static vq_status sweep(vq_calibration *c, const vq_plan *p, vq_calib *calib, const vq_job *job, vq_arena *a, vq_err *e)
{
    const int layers = p->model->graph.layers;
    vq_linear_group *groups;
    int n;
    VQ_TRY(vq_graph_groups(&p->model->graph, a, &groups, &n, e));
    c->stats = VQ_NEW(a, vq_stats *, layers, "statistics", e);
    if (!c->stats) return e->status;
    for (int layer = 0; layer < layers; layer++) {
        const int count = groups_of_layer(groups, n, layer);
        c->stats[layer] = VQ_NEW(a, vq_stats, count, "statistics", e);
        if (!c->stats[layer]) return e->status;
        VQ_TRY(vq_calib_block(calib, layer, c->stats[layer], count, a, e));
        VQ_TRY(vq_step(&job->watch, "calibrating", layer + 1, layers, e));
    }
    return VQ_OK;
}

static vq_status gather(vq_calibration *c, const vq_plan *p, const char *data, bool tokens, const char *spool_dir, const vq_job *job,
                        vq_arena *scratch, vq_arena *a, vq_err *e)
{
    const vq_exec x = vq_model_exec(p->model, job, scratch, false);
    vq_samples s = {.count = p->recipe->calib.samples, .length = window_tokens(p)};
    vq_arena work;
    vq_arena_init(&work, scratch->budget);
    vq_status status = find_samples(c, p, data, tokens, &x, job, &s, &work, e);
    const vq_batch b = calibration_batch(p);
    const vq_calib_options o = {
        .needs = p->needs,
        .spool_path = spool_dir,
        .spool_bytes = spool_bytes(p, job),
        .batch_tokens = b.sequences * b.length,
    };
    c->samples = s.count;
    c->seqlen = s.length;
    vq_calib *calib = NULL;
    if (status == VQ_OK) status = vq_calib_begin(&calib, &x, &s, &o, &job->watch, &work, e);
    if (status == VQ_OK) status = sweep(c, p, calib, job, a, e);
    vq_calib_end(calib);
    vq_arena_done(&work);
    return status;
}

vq_status vq_calibration_run(vq_calibration *c, const vq_plan *p, const char *data, bool tokens, const char *spool_dir, const vq_job *job,
                             vq_budget *budget, vq_arena *a, vq_err *e)
{
    *c = (vq_calibration){.kind = "none"};
    if (!p->needs) {
        if (data) vq_warn(&job->watch, "data-unused", data, "the recipe gathers no statistics; the data is not used");
        return VQ_OK;
    }
    VQ_TRY(vq_model_need_graph(p->model, "calibration", e));
    vq_arena scratch;
    vq_arena_init(&scratch, budget);
    const vq_status s = gather(c, p, data, tokens, spool_dir, job, &scratch, a, e);
    vq_arena_done(&scratch);
    return s == VQ_OK ? VQ_OK : vq_at(e, "calibration");
}

const vq_stats *vq_calibration_stats(const vq_calibration *c, const vq_plan_group *g)
{
    return c->stats && g->layer >= 0 && g->stats >= 0 ? &c->stats[g->layer][g->stats] : NULL;
}
