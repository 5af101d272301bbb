/* block_passes.c -- the transforms of a recipe over the groups of one block. */
#include <math.h>
#include <string.h>

#include "edit/edited.h"
#include "edit/map_edits.h"
#include "run/quantize/block_work.h"

bool vq_work_moves(const vq_work *w)
{
    return w->gathers && !w->plan->recipe->calib.propagate_quantized;
}

/* What a trial compares with: the block's output with the weights as they stand. */
typedef struct trial {
    vq_work *work;
    int layer;
    const vq_transform_job *job;
    vq_batch shape;
    const float *input;
    float *reference, *output; /* [tokens][hidden] */
} trial;

static vq_status run_trial_block(const trial *t, float *out, vq_err *e)
{
    const size_t n = (size_t)(t->shape.sequences * t->shape.length *
                              vq_record_width(t->work->graph, 1 + t->layer));
    memcpy(out, t->input, n * sizeof *out);
    return vq_exec_block(&t->work->exec, &t->shape, t->layer, out, e);
}

static vq_status open_trial(trial *t, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_calib_batch(t->work->calib, 0, &t->shape, &t->input, e));
    const int64_t most =
        VQ_TRIAL_TOKENS / t->shape.length > 1 ? VQ_TRIAL_TOKENS / t->shape.length : 1;
    if (t->shape.sequences > most) t->shape.sequences = most;
    const int64_t n =
        t->shape.sequences * t->shape.length * vq_record_width(t->work->graph, 1 + t->layer);
    t->reference = VQ_ALLOC(a, float, 2 * n, "outputs of a trial", e);
    if (!t->reference) return e->status;
    t->output = t->reference + n;
    return run_trial_block(t, t->reference, e);
}

static double mean_square(const float *x, const float *y, int64_t rows, int64_t width,
                          const vq_kernels *kr)
{
    double sum = 0, xx, dd;
    for (int64_t r = 0; r < rows; r++) {
        kr->error_sums(x + r * width, y + r * width, (size_t)width, &xx, &dd);
        sum += dd;
    }
    return sum / (double)(rows * width);
}

static vq_status try_weights(void *ctx, const float *const *weights, double *mse, vq_err *e)
{
    trial *t = ctx;
    const int64_t k = t->job->stats->k;
    for (int i = 0; i < t->job->nconsumers; i++) {
        const vq_consumer *c = &t->job->consumers[i];
        const char *name = vq_arena_text(&t->work->scratch, e, "%s.weight", c->name);
        if (!name) return e->status;
        VQ_TRY(vq_overlay_dense(&t->work->overlay, name, weights[i], (int64_t[]){c->n, k}, 2, e));
    }
    VQ_TRY(run_trial_block(t, t->output, e));
    *mse = mean_square(t->reference, t->output, t->shape.sequences * t->shape.length,
                       vq_record_width(t->work->graph, 1 + t->layer), &t->work->j->job->kernels);
    return vq_step(&t->work->j->job->reporter, "transforming", t->layer, t->work->graph->layers, e);
}

static vq_status load_consumers(vq_work *w, const vq_plan_group *g, vq_consumer *out, vq_err *e)
{
    const vq_edited d = vq_work_edited(w);
    float amax = 0;
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *weight = &w->plan->weights[g->weights[j]];
        vq_tensor t;
        float *x;
        VQ_TRY(vq_edited_load(&d, weight->tensor->name, &w->scratch, &t, &x, e));
        out[j] = (vq_consumer){
            .name = weight->module, .w = x, .n = t.shape[0], .scheme = &weight->scheme};
        const float most = w->j->job->kernels.absmax(x, (size_t)(t.shape[0] * t.shape[1]));
        amax = g->fused || j == 0 ? fmaxf(amax, most) : most;
        out[j].global_scale = vq_format_global_scale(
            w->plan->format,
            vq_global_scale_from_amax(&weight->scheme.weight, amax,
                                      vq_plan_arith(w->plan, &weight->scheme.weight)));
    }
    for (int j = 0; g->fused && j < g->count; j++)
        out[j].global_scale = out[g->count - 1].global_scale;
    return VQ_OK;
}

/* The rows of the linear that absorbed a map changed: so do the gradients at its output. */
static vq_status map_output(vq_work *w, const vq_linear_group *group, const vq_input_map *m,
                            vq_err *e)
{
    const vq_producer p = vq_producer_of(w->graph, group);
    if (p.kind != VQ_PRODUCER_ROWS && p.kind != VQ_PRODUCER_VALUES) return VQ_OK;
    const vq_node *from = &w->graph->nodes[group->producer];
    for (int i = 0; i < w->nstats; i++)
        for (int j = 0; j < w->stats[i].nlinears; j++) {
            vq_curvature *c = &w->stats[i].linears[j];
            if (strcmp(c->name, from->name) == 0 && c->output)
                VQ_TRY(vq_output_map(c, m, &p, &w->layer, e));
        }
    return VQ_OK;
}

/* The runtime rotates the inputs of quantized linears only: one of the group that is kept reads the
 * input as it is. */
static vq_status edit_group(vq_work *w, const vq_linear_group *lg, const vq_input_map *m, vq_err *e)
{
    if (!m->hadamard || m->fold_hadamard) return vq_edits_from_map(&w->edits, w->graph, lg, m, e);
    int *linears = VQ_ALLOC(&w->layer, int, lg->count, "linear groups", e);
    if (!linears) return e->status;
    vq_linear_group rotated = *lg;
    vq_input_map folded = *m;
    const vq_input_map online = {.hadamard = m->hadamard};
    rotated.count = 0;
    rotated.linears = linears;
    for (int i = 0; i < lg->count; i++)
        if (vq_work_quantizes(w, lg->linears[i])) linears[rotated.count++] = lg->linears[i];
    folded.hadamard = 0;
    VQ_TRY(vq_edits_from_map(&w->edits, w->graph, lg, &folded, e));
    return vq_edits_from_map(&w->edits, w->graph, &rotated, &online, e);
}

static vq_status apply_map(vq_work *w, int group, const vq_linear_group *lg, const vq_input_map *m,
                           vq_err *e)
{
    vq_group_ready *ready = &w->ready[group];
    vq_stats *mapped = VQ_NEW(&w->layer, vq_stats, 1, "statistics", e);
    unsigned lost = 0;
    if (!mapped) return e->status;
    VQ_TRY(edit_group(w, lg, m, e));
    VQ_TRY(vq_stats_map(ready->stats, m, mapped, &lost, &w->layer, e));
    ready->stats = mapped;
    if (!m->fold_order && m->order) {
        ready->map.order = m->order;
        ready->map.s = m->s;
    }
    if (!m->fold_hadamard && m->hadamard) ready->map.hadamard = m->hadamard;
    return map_output(w, lg, m, e);
}

static bool is_nothing(const vq_input_map *m)
{
    return !m->scale && !m->order && !m->hadamard && m->s == 0;
}

static vq_status run_pass(vq_work *w, const vq_plan_pass *pass, int group,
                          const vq_linear_group *lg, vq_err *e)
{
    const vq_plan_group *g = &w->plan->groups[group];
    vq_consumer consumers[VQ_PLAN_MEMBERS];
    const vq_plan_weight *first = &w->plan->weights[g->weights[0]];
    vq_transform_job job = {
        .kernels = &w->j->job->kernels,
        .options = pass->options,
        .stats = w->ready[group].stats,
        .scheme = &first->scheme,
        .producer = vq_producer_of(w->graph, lg),
        .arith = vq_plan_arith(w->plan, &first->scheme.weight),
        .arena = &w->layer,
        .scratch = &w->scratch,
    };
    trial t = {.work = w, .layer = g->layer, .job = &job};
    if (pass->transform->weights) {
        VQ_TRY(load_consumers(w, g, consumers, e));
        job.consumers = consumers;
        job.nconsumers = g->count;
    }
    if (pass->transform->trials) {
        VQ_TRY(open_trial(&t, &w->scratch, e));
        job.trial = try_weights;
        job.trial_ctx = &t;
    }
    VQ_TRY(pass->transform->run(&job, e));
    return is_nothing(&job.map) ? VQ_OK : apply_map(w, group, lg, &job.map, e);
}

static vq_status run_group(vq_work *w, const vq_plan_pass *pass, int group, vq_err *e)
{
    const vq_plan_group *g = &w->plan->groups[group];
    const vq_linear_group *lg = vq_work_group(w, g);
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    const vq_status s = run_pass(w, pass, group, lg, e);
    vq_arena_rewind(&w->scratch, mark);
    if (s != VQ_OK)
        return vq_at(e, "%s > %s", pass->transform->name, w->plan->weights[g->weights[0]].module);
    return pass->transform->trials ? vq_work_show(w, g->layer, e)
                                   : VQ_OK; /* trials left their weights there */
}

/* A pass by statistics has nothing to go by where an expert saw no token. */
static bool is_blind(const vq_work *w, const vq_plan_pass *pass, int group)
{
    const vq_stats *s = w->ready[group].stats;
    return pass->transform->needs && pass->transform->needs(pass->options) && s->gathered &&
           s->tokens == 0;
}

static vq_status run_groups(vq_work *w, const vq_plan_pass *pass, int layer, vq_err *e)
{
    const int before = w->edits.count;
    for (int i = 0; i < w->plan->ngroups; i++)
        if (w->plan->groups[i].layer == layer && w->plan->groups[i].stats >= 0 &&
            !is_blind(w, pass, i))
            VQ_TRY(run_group(w, pass, i, e));
    if (w->edits.count == before) return VQ_OK;
    VQ_TRY(vq_work_check(w, layer, pass->transform->name, e));
    return vq_work_show(w, layer, e);
}

vq_status vq_work_transform(vq_work *w, int layer, vq_err *e)
{
    for (int i = 0; i < w->plan->npasses; i++)
        if (w->plan->passes[i].transform->scope == VQ_SCOPE_GROUP)
            VQ_TRY(run_groups(w, &w->plan->passes[i], layer, e));
    return VQ_OK;
}
