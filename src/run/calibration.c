/* calibration.c -- drives the sweep over the blocks. */
#include "run/calibration.h"

#include <string.h>

#include "run/samples.h"

#define BATCH_TOKENS 4096
#define SPOOL_SHARE 4 /* activations may take a quarter of the memory limit before they go to disk */

static vq_batch calibration_batch(const vq_plan *p)
{
    const int64_t len = vq_sample_tokens(p);
    return (vq_batch){.sequences = len < BATCH_TOKENS ? BATCH_TOKENS / len : 1, .length = len};
}

static size_t spool_bytes(const vq_plan *p, const vq_job *job)
{
    const size_t all = (size_t)p->recipe->calib.samples * (size_t)vq_sample_tokens(p) * (size_t)p->model->graph.hidden * sizeof(float);
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
    vq_sample_set set;
    vq_arena work;
    vq_arena_init(&work, scratch->budget);
    vq_status status = vq_samples_find(&set, p, data, tokens, &x, job, &work, e);
    const vq_batch b = calibration_batch(p);
    const vq_calib_options o = {
        .needs = p->needs,
        .spool_path = spool_dir,
        .spool_bytes = spool_bytes(p, job),
        .batch_tokens = b.sequences * b.length,
    };
    c->kind = set.kind;
    memcpy(c->sha256, set.sha256, sizeof c->sha256);
    c->samples = set.samples.count;
    c->seqlen = set.samples.length;
    vq_calib *calib = NULL;
    if (status == VQ_OK) status = vq_calib_begin(&calib, &x, &set.samples, &o, &job->watch, &work, e);
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
