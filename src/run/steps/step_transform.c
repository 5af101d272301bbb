/* step_transform.c -- the transforms of a recipe over the groups of one block. */
#include <math.h>
#include <string.h>

#include "edit/edited.h"
#include "edit/map_edits.h"
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"
#include "run/block/trial.h"

static vq_status load_consumers(vq_run *r, vq_block *b, const vq_plan_group *g, vq_consumer *out,
                                vq_err *e)
{
    const vq_edited d = vq_block_edited(r, b);
    float amax = 0;
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *weight = &r->plan->weights[g->weights[j]];
        vq_tensor t;
        float *x;
        VQ_TRY(vq_edited_load(&d, weight->tensor->name, &r->scratch, &t, &x, e));
        out[j] = (vq_consumer){
            .name = weight->module, .w = x, .n = t.shape[0], .scheme = &weight->scheme};
        const float most = r->job->kernels.absmax(x, (size_t)(t.shape[0] * t.shape[1]));
        amax = g->fused || j == 0 ? fmaxf(amax, most) : most;
        out[j].global_scale = vq_target_global_scale(
            r->plan->target,
            vq_global_scale_from_amax(&weight->scheme.weight, amax,
                                      vq_plan_arith(r->plan, &weight->scheme.weight)));
    }
    for (int j = 0; g->fused && j < g->count; j++)
        out[j].global_scale = out[g->count - 1].global_scale;
    return VQ_OK;
}

/* A map was folded into rows of this linear: its output changed, and so do the gradients gathered
 * there. */
static vq_status map_gradients(vq_block *b, const char *linear, const vq_row_part *part,
                               const vq_input_map *m, const vq_producer *p, vq_err *e)
{
    for (int i = 0; i < b->nstats; i++)
        for (int j = 0; j < b->stats[i].nlinears; j++) {
            vq_curvature *c = &b->stats[i].linears[j];
            if (strcmp(c->name, linear) == 0 && c->output)
                VQ_TRY(vq_output_map(c, part, m, p, &b->arena, e));
        }
    return VQ_OK;
}

/* Maps the gradients of the producer that a map was folded into. Behind a gated product the gate's
 * rows only take the order. */
static vq_status map_output(vq_run *r, vq_block *b, const vq_linear_group *group,
                            const vq_input_map *m, vq_err *e)
{
    const vq_producer p = vq_producer_of(r->models.graph, group);
    const vq_node *nodes = r->models.graph->nodes;
    const vq_input_map order = {.order = m->order, .fold_order = m->fold_order};
    if (p.kind != VQ_PRODUCER_ROWS && p.kind != VQ_PRODUCER_VALUES) return VQ_OK;
    const int64_t n =
        p.kind == VQ_PRODUCER_VALUES ? p.kv_heads * p.head_dim : nodes[group->value].width;
    const vq_row_part part = {group->first_row, n}, gate = {group->gate_row, n};
    VQ_TRY(map_gradients(b, nodes[group->producer].name, &part, m, &p, e));
    if (group->gate < 0) return VQ_OK;
    return map_gradients(b, nodes[group->gate].name, &gate, &order, &p, e);
}

/* The runtime rotates the inputs of quantized linears only: one of the group that is kept reads the
 * input as it is. */
static vq_status edit_group(vq_run *r, vq_block *b, const vq_linear_group *lg,
                            const vq_input_map *m, vq_err *e)
{
    if (!m->hadamard || m->fold_hadamard)
        return vq_edits_from_map(&b->edits, r->models.graph, lg, m, e);
    int *linears = VQ_ALLOC(&b->arena, int, lg->count, "linear groups", e);
    if (!linears) return e->status;
    vq_linear_group rotated = *lg;
    vq_input_map folded = *m;
    const vq_input_map online = {.hadamard = m->hadamard};
    rotated.count = 0;
    rotated.linears = linears;
    for (int i = 0; i < lg->count; i++)
        if (vq_run_quantizes(r, lg->linears[i])) linears[rotated.count++] = lg->linears[i];
    folded.hadamard = 0;
    VQ_TRY(vq_edits_from_map(&b->edits, r->models.graph, lg, &folded, e));
    return vq_edits_from_map(&b->edits, r->models.graph, &rotated, &online, e);
}

static vq_status apply_map(vq_run *r, vq_block *b, int group, const vq_linear_group *lg,
                           const vq_input_map *m, vq_err *e)
{
    vq_group_input *input = &b->inputs[group];
    vq_stats *mapped = VQ_NEW(&b->arena, vq_stats, 1, "statistics", e);
    unsigned lost = 0;
    if (!mapped) return e->status;
    VQ_TRY(edit_group(r, b, lg, m, e));
    VQ_TRY(vq_stats_map(input->stats, m, mapped, &lost, &b->arena, e));
    input->stats = mapped;
    if (!m->fold_order && m->order) {
        input->map.order = m->order;
        input->map.s = m->s;
    }
    if (!m->fold_hadamard && m->hadamard) input->map.hadamard = m->hadamard;
    return map_output(r, b, lg, m, e);
}

static bool is_nothing(const vq_input_map *m)
{
    return !m->scale && !m->order && !m->hadamard && m->s == 0;
}

static vq_status run_pass(vq_run *r, vq_block *b, const vq_plan_pass *pass, int group,
                          const vq_linear_group *lg, vq_err *e)
{
    const vq_plan_group *g = &r->plan->groups[group];
    const vq_plan_weight *first = &r->plan->weights[g->weights[0]];
    vq_transform_job job = {
        .kernels = &r->job->kernels,
        .options = pass->options,
        .stats = b->inputs[group].stats,
        .scheme = &first->scheme,
        .producer = vq_producer_of(r->models.graph, lg),
        .arith = vq_plan_arith(r->plan, &first->scheme.weight),
        .arena = &b->arena,
        .scratch = &r->scratch,
    };
    vq_block_trial t = {.run = r, .block = b, .job = &job};
    if (pass->transform->weights) {
        vq_consumer *consumers = VQ_ALLOC(&b->arena, vq_consumer, g->count, "linear groups", e);
        if (!consumers) return e->status;
        VQ_TRY(load_consumers(r, b, g, consumers, e));
        job.consumers = consumers;
        job.nconsumers = g->count;
    }
    if (pass->transform->trials) {
        const bool bf16 = vq_calibration_options(r->plan, r->job, 0, NULL).bf16;
        VQ_TRY(vq_block_trial_open(&t, bf16, e));
        job.trial = vq_block_try;
        job.trial_ctx = &t;
    }
    VQ_TRY(pass->transform->run(&job, e));
    return is_nothing(&job.map) ? VQ_OK : apply_map(r, b, group, lg, &job.map, e);
}

static vq_status run_group(vq_run *r, vq_block *b, const vq_plan_pass *pass, int group, vq_err *e)
{
    const vq_plan_group *g = &r->plan->groups[group];
    const vq_linear_group *lg = vq_run_group(r, g);
    const vq_arena_mark mark = vq_arena_here(&r->scratch);
    const vq_status s = run_pass(r, b, pass, group, lg, e);
    vq_arena_rewind(&r->scratch, mark);
    if (s != VQ_OK)
        return vq_at(e, "%s > %s", pass->transform->name, r->plan->weights[g->weights[0]].module);
    /* trials left the weights of the last candidate in front of the block's */
    return pass->transform->trials ? vq_block_apply(r, b, e) : VQ_OK;
}

/* Does the pass need statistics of a group that no token reached (an expert)? It is left out there.
 */
static bool is_blind(const vq_block *b, const vq_plan_pass *pass, int group)
{
    const vq_stats *s = b->inputs[group].stats;
    return pass->transform->needs && pass->transform->needs(pass->options) && s->gathered &&
           s->tokens == 0;
}

static vq_status run_groups(vq_run *r, vq_block *b, const vq_plan_pass *pass, vq_err *e)
{
    const int before = b->edits.count;
    for (int i = 0; i < r->plan->ngroups; i++)
        if (r->plan->groups[i].layer == b->layer && r->plan->groups[i].stats >= 0 &&
            !is_blind(b, pass, i))
            VQ_TRY(run_group(r, b, pass, i, e));
    if (b->edits.count == before) return VQ_OK;
    VQ_TRY(vq_block_check(r, b, pass->transform->name, e));
    return vq_block_apply(r, b, e);
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    for (int i = 0; i < r->plan->npasses; i++)
        if (r->plan->passes[i].transform->scope == VQ_SCOPE_GROUP)
            VQ_TRY(run_groups(r, b, &r->plan->passes[i], e));
    return VQ_OK;
}

/* A candidate is tried out by running the block. What the edits themselves take is counted where
 * they stand longest, beside the weights that are rounded. */
static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_exec x = vq_model_exec(s->plan->model, job, NULL, false);
    const vq_batch b = vq_calibration_batch(s->plan);
    return (vq_step_bytes){.most = s->tries ? vq_exec_bytes(&x, &b) + vq_packed_bytes(s->plan, job)
                                            : 0};
}

/* Cost of `trials` candidates: the weights of a group rounded, some samples through the block. */
static void add_trials(vq_cost *c, const vq_plan *p, const vq_pass_shape *s, const vq_plan_group *g,
                       double trials)
{
    const vq_pass_shape each = {.graph = s->graph,
                                .tokens = trials * fmin(s->tokens, VQ_TRIAL_TOKENS),
                                .batches = trials,
                                .keys = s->keys};
    vq_cost_add_block(c, &each, g->layer);
    for (int m = 0; m < g->count; m++)
        c->rounded += trials * (double)vq_tensor_numel(p->weights[g->weights[m]].tensor);
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    const vq_plan *p = s->plan;
    const vq_pass_shape shape = vq_sweep_shape(p, job, 0);
    for (int i = 0; i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        if (!pass->transform->trials) continue;
        const double trials = (double)pass->transform->trials(pass->options);
        for (int j = 0; j < p->ngroups; j++)
            if (p->groups[j].layer == layer)
                add_trials(&cost[VQ_STAGE_TRANSFORMS], p, &shape, &p->groups[j], trials);
    }
}

const vq_step_kind vq_step_transform = {
    .name = "transform",
    .doc = "transforms of the block's groups, each checked to keep the block's function",
    .run = run,
    .bytes = bytes,
    .cost = cost,
};
