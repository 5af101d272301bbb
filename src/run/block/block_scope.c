/* block_scope.c -- the block with its edits so far, in front of the model: what trials, checks and
 * later steps run. */
#include "run/block/block_scope.h"

#include <string.h>

#include "edit/edited.h"

vq_status vq_block_init(vq_block *b, vq_run *r, vq_err *e)
{
    const vq_checkpoint *stored = &r->plan->model->checkpoint;
    *b = (vq_block){.layer = VQ_WHOLE_RUN};
    vq_arena_init(&b->arena, r->request->budget);
    vq_arena_init(&b->values, r->request->budget);
    VQ_TRY(vq_overlay_init(&b->overlay,
                           r->schedule->quantized ? &r->written.source : &stored->source,
                           r->models.graph->count * 3, r->arena, e));
    b->inputs = VQ_NEW(r->arena, vq_group_input, r->plan->ngroups, "plan", e);
    return b->inputs ? vq_block_empty(r, b, e) : e->status;
}

void vq_block_done(vq_block *b)
{
    vq_arena_done(&b->values);
    vq_arena_done(&b->arena);
}

/* Closes the statistics file of the block. A file that the user gave covers all blocks and stays
 * open. */
static void close_statistics(vq_run *r)
{
    if (!r->statistics.open || r->schedule->given.statistics) return;
    vq_stats_close(&r->statistics.file);
    r->statistics.open = false;
}

vq_status vq_block_empty(vq_run *r, vq_block *b, vq_err *e)
{
    close_statistics(r);
    vq_rounding_cache_for(&r->cache, -1);
    vq_overlay_clear(&b->overlay);
    vq_arena_done(&b->arena);
    vq_arena_init(&b->arena, r->request->budget);
    b->stats = NULL;
    b->nstats = 0;
    memset(b->inputs, 0, (size_t)r->plan->ngroups * sizeof *b->inputs);
    vq_edits_init(&b->edits, &b->arena);
    for (int i = 0; i < r->models.edits.edits.count; i++)
        VQ_TRY(vq_edits_add(&b->edits, &r->models.edits.edits.list[i], e));
    return VQ_OK;
}

/* Transforms ask for the width of an input even where nothing was gathered. */
static vq_status set_width(vq_run *r, vq_block *b, int group, vq_err *e)
{
    const vq_plan_weight *first = &r->plan->weights[r->plan->groups[group].weights[0]];
    vq_stats *s = VQ_NEW(&b->arena, vq_stats, 1, "statistics", e);
    if (!s) return e->status;
    *s = (vq_stats){.name = first->module, .k = first->tensor->shape[1]};
    b->inputs[group] = (vq_group_input){.stats = s};
    return VQ_OK;
}

vq_status vq_block_begin(vq_run *r, vq_block *b, int layer, vq_err *e)
{
    b->layer = layer;
    VQ_TRY(vq_block_empty(r, b, e));
    VQ_TRY(vq_block_apply(r, b, e));
    for (int i = 0; i < r->plan->ngroups; i++)
        if (r->plan->groups[i].layer == layer) VQ_TRY(set_width(r, b, i, e));
    return VQ_OK;
}

vq_status vq_block_new_stats(vq_run *r, vq_block *b, vq_err *e)
{
    b->nstats = vq_graph_groups_in(r->models.groups, r->models.ngroups, b->layer);
    b->stats = VQ_NEW(&b->arena, vq_stats, b->nstats, "statistics", e);
    if (!b->stats) return e->status;
    for (int i = 0; i < r->plan->ngroups; i++) {
        const vq_plan_group *g = &r->plan->groups[i];
        if (g->layer == b->layer && g->stats >= 0) b->inputs[i].stats = &b->stats[g->stats];
    }
    return VQ_OK;
}

vq_edited vq_block_edited(const vq_run *r, const vq_block *b)
{
    return (vq_edited){.graph = r->models.graph,
                       .source = &r->plan->model->checkpoint.source,
                       .kernels = &r->job->kernels,
                       .edits = &b->edits};
}

const vq_linear_group *vq_run_group(const vq_run *r, const vq_plan_group *g)
{
    int place = 0;
    for (int i = 0; i < r->models.ngroups; i++) {
        if (r->models.groups[i].layer != g->layer) continue;
        if (place++ == g->stats) return &r->models.groups[i];
    }
    return NULL;
}

bool vq_run_quantizes(const vq_run *r, int linear)
{
    const int at = vq_plan_weight_named(r->plan, r->models.graph->nodes[linear].name);
    return at >= 0 && r->plan->weights[at].quantized;
}

const char *vq_run_layer_file(const vq_run *r, int layer, vq_arena *a, vq_err *e)
{
    return vq_arena_text(a, e, "%s/layer-%04d.vqs", r->request->work, layer);
}

/* A linear that will be quantized reads its input rotated, as the runtime will rotate it. */
static vq_status apply_hadamards(vq_run *r, vq_block *b, vq_err *e)
{
    for (int i = 0; i < r->plan->ngroups; i++) {
        const vq_plan_group *g = &r->plan->groups[i];
        const vq_linear_group *lg = g->layer == b->layer ? vq_run_group(r, g) : NULL;
        const int64_t block = b->inputs[i].map.hadamard;
        for (int j = 0; lg && block && j < lg->count; j++)
            if (vq_run_quantizes(r, lg->linears[j]))
                VQ_TRY(vq_overlay_hadamard(&b->overlay, r->models.graph->nodes[lg->linears[j]].name,
                                           block, e));
    }
    return VQ_OK;
}

static vq_status apply(vq_run *r, vq_block *b, bool as_stored, vq_err *e)
{
    const vq_edited d = vq_block_edited(r, b);
    vq_overlay_clear(&b->overlay);
    vq_arena_done(&b->values);
    vq_arena_init(&b->values, r->request->budget);
    if (b->edits.count == 0 || b->layer == VQ_WHOLE_RUN) return VQ_OK;
    if (b->layer == VQ_OUTSIDE) {
        const int head = 1 + r->models.graph->layers;
        VQ_TRY(vq_edited_part(&d, 0, as_stored, &b->overlay, &b->values, e));
        return vq_edited_part(&d, head, as_stored, &b->overlay, &b->values, e);
    }
    VQ_TRY(vq_edited_part(&d, 1 + b->layer, as_stored, &b->overlay, &b->values, e));
    return apply_hadamards(r, b, e);
}

vq_status vq_block_apply(vq_run *r, vq_block *b, vq_err *e)
{
    return apply(r, b, true, e);
}

vq_status vq_block_apply_exact(vq_run *r, vq_block *b, vq_err *e)
{
    return apply(r, b, false, e);
}
