/* block_show.c -- the block with its edits so far, in front of the model: what trials, checks and
 * later blocks run. */
#include "edit/edited.h"
#include "run/quantize/block_work.h"

vq_edited vq_work_edited(const vq_work *w)
{
    return (vq_edited){.graph = w->graph,
                       .source = &w->plan->model->checkpoint.source,
                       .kernels = &w->j->job->kernels,
                       .edits = &w->edits};
}

const vq_linear_group *vq_work_group(const vq_work *w, const vq_plan_group *g)
{
    int place = 0;
    for (int i = 0; i < w->ngroups; i++) {
        if (w->groups[i].layer != g->layer) continue;
        if (place++ == g->stats) return &w->groups[i];
    }
    return NULL;
}

bool vq_work_quantizes(const vq_work *w, int linear)
{
    const int at = vq_plan_weight_named(w->plan, w->graph->nodes[linear].name);
    return at >= 0 && w->plan->weights[at].quantized;
}

/* A dense linear of the block reads its input rotated where the runtime will rotate it. */
static vq_status show_hadamards(vq_work *w, int layer, vq_err *e)
{
    for (int i = 0; i < w->plan->ngroups; i++) {
        const vq_plan_group *g = &w->plan->groups[i];
        const vq_linear_group *lg = g->layer == layer ? vq_work_group(w, g) : NULL;
        for (int j = 0; lg && w->ready[i].map.hadamard && j < lg->count; j++)
            if (vq_work_quantizes(w, lg->linears[j]))
                VQ_TRY(vq_overlay_hadamard(&w->overlay, w->graph->nodes[lg->linears[j]].name,
                                           w->ready[i].map.hadamard, e));
    }
    return VQ_OK;
}

static vq_status show(vq_work *w, int layer, bool as_stored, vq_err *e)
{
    const vq_edited d = vq_work_edited(w);
    vq_overlay_clear(&w->overlay);
    vq_arena_done(&w->view);
    vq_arena_init(&w->view, w->j->budget);
    if (w->edits.count == 0) return VQ_OK;
    if (layer < 0) {
        VQ_TRY(vq_edited_part(&d, 0, as_stored, &w->overlay, &w->view, e));
        return vq_edited_part(&d, 1 + w->graph->layers, as_stored, &w->overlay, &w->view, e);
    }
    VQ_TRY(vq_edited_part(&d, 1 + layer, as_stored, &w->overlay, &w->view, e));
    return show_hadamards(w, layer, e);
}

vq_status vq_work_show(vq_work *w, int layer, vq_err *e)
{
    return show(w, layer, true, e);
}

vq_status vq_work_show_exact(vq_work *w, int layer, vq_err *e)
{
    return show(w, layer, false, e);
}
