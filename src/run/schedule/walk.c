/* walk.c -- opens a run, walks its steps, closes it. */
#include "run/schedule/walk.h"

#include <stdio.h>
#include <string.h>

#include "run/block/block_scope.h"

/* Executors of the model as it is stored, and of the block under work. */
static vq_status open_models(vq_walk *w, vq_err *e)
{
    vq_run *r = &w->run;
    vq_run_models *m = &r->models;
    const vq_model *model = r->plan->model;
    const bool quantized = r->schedule->quantized;
    m->graph = &model->graph;
    VQ_TRY(vq_graph_groups(m->graph, r->arena, &m->groups, &m->ngroups, e));
    vq_model_edits_init(&m->edits, m->graph, r->arena);
    VQ_TRY(vq_written_init(&r->written, r->request->work, &model->checkpoint.source,
                           r->plan->target, m->graph->layers + 1, (size_t)r->plan->nweights,
                           r->arena, e));
    m->original = vq_model_exec(model, r->job, &r->scratch, false);
    m->current = vq_model_exec(model, r->job, &r->scratch, quantized);
    VQ_TRY(vq_block_init(&w->block, r, e));
    m->current.source = &w->block.overlay.source;
    r->rounding.inputs = w->block.inputs;
    return VQ_OK;
}

vq_status vq_walk_open(vq_walk *w, const vq_run_request *q, vq_schedule *s, vq_rounded *out,
                       vq_calibrated *c, vq_arena *a, vq_err *e)
{
    *c = (vq_calibrated){.kind = "none"};
    *w = (vq_walk){.run = {.request = q,
                           .schedule = s,
                           .plan = q->plan,
                           .job = q->job,
                           .arena = a,
                           .calibrated = c,
                           .cache.group = -1}};
    vq_arena_init(&w->run.scratch, q->budget);
    vq_arena_init(&w->run.cache.of.arena, q->budget);
    w->run.rounding = (vq_rounding){.plan = q->plan,
                                    .job = q->job,
                                    .edits = &w->block.edits,
                                    .out = out,
                                    .scratch = &w->run.scratch,
                                    .cache = &w->run.cache};
    return s->by_blocks ? open_models(w, e) : VQ_OK;
}

/* Called before every step; does something before the first of a block. What was read and written
 * of blocks so far may leave memory: it is not needed again. The block begins, or, when a stopped run
 * finished its steps, is only emptied. */
static vq_status enter(vq_walk *w, const vq_scheduled_step *step, vq_err *e)
{
    if (w->block.layer == step->layer && step->layer != VQ_WHOLE_RUN) return VQ_OK;
    vq_tensor_set_forget(&w->run.plan->model->checkpoint.weights);
    vq_written_forget(&w->run.written);
    if (w->block.layer == step->layer) return VQ_OK;
    if (!step->finished) return vq_block_begin(&w->run, &w->block, step->layer, e);
    w->block.layer = step->layer;
    return vq_block_empty(&w->run, &w->block, e);
}

vq_status vq_walk_to(vq_walk *w, int end, vq_err *e)
{
    for (; w->next < end; w->next++) {
        const vq_scheduled_step *step = &w->run.schedule->steps[w->next];
        const vq_forecast f = vq_schedule_forecast(w->run.schedule, w->next);
        vq_expect(&w->run.job->reporter, &f);
        vq_budget_measure(w->run.request->budget);
        if (w->run.schedule->by_blocks) VQ_TRY(enter(w, step, e));
        if (!step->finished)
            VQ_TRY(step->kind->run(&w->run, &w->block, e));
        else if (step->kind->restore)
            VQ_TRY(step->kind->restore(&w->run, &w->block, e));
    }
    return VQ_OK;
}

void vq_walk_close(vq_walk *w)
{
    vq_run *r = &w->run;
    vq_calib_end(r->activations.current);
    vq_calib_end(r->activations.original);
    if (r->statistics.open) vq_stats_close(&r->statistics.file);
    vq_written_close(&r->written);
    vq_rounding_cache_for(&r->cache, -1);
    vq_edited_source_done(&r->models.edited);
    vq_arena_done(&r->scratch);
    vq_block_done(&w->block);
}

/* What a resumed run will not make again; one that was resumed may stop before it reads that. */
static void tell_kept(const vq_run *r, vq_err *e)
{
    const size_t n = strlen(e->text);
    if (!vq_run_state_exists(r->request->work, r->arena))
        (void)snprintf(e->text + n, sizeof e->text - n, "; nothing was finished yet");
    else if (!r->state.saved)
        (void)snprintf(e->text + n, sizeof e->text - n, "; kept in %s: what was there before",
                       r->request->work);
    else
        (void)snprintf(e->text + n, sizeof e->text - n, "; kept in %s: %d of %d parts%s",
                       r->request->work, vq_run_state_sections(&r->state), r->written.count,
                       r->schedule->gradients ? ", and gradients as far as they went" : "");
}

vq_status vq_walk_all(const vq_run_request *q, vq_schedule *s, vq_rounded *out, vq_calibrated *c,
                      vq_arena *a, vq_err *e)
{
    vq_walk w;
    vq_status status = vq_walk_open(&w, q, s, out, c, a, e);
    if (status == VQ_OK) status = vq_walk_to(&w, s->count, e);
    if (status == VQ_E_STOPPED) tell_kept(&w.run, e);
    vq_walk_close(&w);
    return status;
}
