/* blocks.c -- the order of work: samples, gradients, then part by part statistics, transforms,
 * rounding, writing, moving on. */
#include "run/quantize/blocks.h"

#include <string.h>

#include "base/file.h"
#include "edit/edited.h"
#include "load/key_orders.h"
#include "model/op/dense.h"
#include "plan/budget.h"
#include "run/origin.h"
#include "run/quantize/block_work.h"

bool vq_blocks_needed(const vq_plan *p, const char *statistics)
{
    return p->needs || p->npasses || p->rounder->block || p->finish || statistics;
}

static vq_status add_field(const vq_blocks_job *j, const char *name, const char *value, vq_err *e)
{
    if (json_object_set_new(j->made_from, name, json_string(value)) == 0) return VQ_OK;
    return vq_fail(e, VQ_E_LIMIT, "no memory for the state of the run");
}

static vq_status find_samples(vq_work *w, vq_calibrated *c, vq_err *e)
{
    char ids[VQ_SHA256_TEXT];
    VQ_TRY(vq_samples_find(&w->samples, w->plan, w->j->data, w->j->tokens, &w->exec, w->j->job,
                           w->run, e));
    const vq_samples *s = &w->samples.samples;
    c->kind = w->samples.kind;
    memcpy(c->sha256, w->samples.sha256, sizeof c->sha256);
    c->samples = s->count;
    c->seqlen = s->length;
    vq_origin_samples(s, ids);
    return add_field(w->j, "data", ids, e);
}

static vq_status open_statistics(vq_work *w, vq_calibrated *c, vq_err *e)
{
    const char *path = w->j->statistics;
    VQ_TRY(vq_stats_load(&w->file, path, w->graph, w->run, e));
    w->file_open = true;
    memcpy(c->statistics, w->file.sha256, sizeof c->statistics);
    VQ_TRY(vq_work_check_statistics(w, e));
    if (!c->samples) {
        c->kind = "statistics";
        c->samples = w->file.origin.samples;
        c->seqlen = w->file.origin.seqlen;
        memcpy(c->sha256, w->file.origin.data, sizeof c->sha256);
    }
    return add_field(w->j, "statistics", c->statistics, e);
}

static vq_status open_state(vq_work *w, vq_err *e)
{
    if (w->j->resume) return vq_run_state_load(&w->state, w->j->work, w->j->made_from, w->run, e);
    return vq_run_state_new(&w->state, w->j->work, w->j->made_from, w->run, e);
}

/* Edits of scope MODEL stand at the head of every block's list. */
static vq_status reset_block(vq_work *w, vq_err *e)
{
    vq_overlay_clear(&w->overlay);
    vq_arena_done(&w->layer);
    vq_arena_init(&w->layer, w->j->budget);
    vq_edits_init(&w->edits, &w->layer);
    for (int i = 0; i < w->model.edits.count; i++)
        VQ_TRY(vq_edits_add(&w->edits, &w->model.edits.list[i], e));
    return VQ_OK;
}

static vq_status begin_sweep(vq_work *w, vq_err *e)
{
    VQ_TRY(reset_block(w, e));
    VQ_TRY(vq_work_show(w, -1, e));
    vq_calib_options o = vq_calibration_options(
        w->plan, w->j->job, w->plan->needs & ~(unsigned)VQ_NEED_GRADIENT, w->j->work);
    o.ahead = vq_plan_ahead(w->plan);
    VQ_TRY(vq_calib_begin(&w->calib, &w->exec, &w->samples.samples, &o, &w->j->job->reporter,
                          w->run, e));
    if (!w->plan->rounder->block || !w->plan->recipe->calib.propagate_quantized) return VQ_OK;
    return vq_calib_begin(&w->original, &w->original_exec, &w->samples.samples, &o,
                          &w->j->job->reporter, w->run, e);
}

/* The activations behind block `layer`: of the original model, or of what was written. A part that
 * was finished before a stop moves them as it did then. */
static vq_status advance(vq_work *w, int layer, bool restored, vq_err *e)
{
    if (!w->calib || layer + 1 >= w->graph->layers) return VQ_OK;
    if (!restored && vq_work_moves(w) && !vq_plan_ahead(w->plan)) return VQ_OK;
    VQ_TRY(reset_block(w, e));
    if (!w->plan->recipe->calib.propagate_quantized) VQ_TRY(vq_work_show(w, layer, e));
    return vq_calib_advance(w->calib, layer, e);
}

/* Transforms want the width of the input even where nothing was gathered. */
static vq_status no_stats(vq_work *w, const vq_plan_group *g, vq_group_ready *ready, vq_err *e)
{
    const vq_plan_weight *first = &w->plan->weights[g->weights[0]];
    vq_stats *s = VQ_NEW(&w->layer, vq_stats, 1, "statistics", e);
    if (!s) return e->status;
    *s = (vq_stats){.name = first->module, .k = first->tensor->shape[1]};
    ready->stats = s;
    return VQ_OK;
}

/* What training aims at when later blocks see what the original gives: its outputs beside the
 * inputs, before passes change the weights. */
static vq_status look_ahead(vq_work *w, int layer, vq_err *e)
{
    const bool wanted = w->plan->rounder->block && w->calib && !w->original && layer >= 0;
    return wanted ? vq_calib_look_ahead(w->calib, layer, e) : VQ_OK;
}

static vq_status prepare_groups(vq_work *w, int layer, vq_err *e)
{
    const bool stats = layer >= 0 && (w->from_file || w->gathers);
    if (stats) VQ_TRY(vq_work_stats(w, layer, e));
    VQ_TRY(look_ahead(w, layer, e));
    for (int i = 0; i < w->plan->ngroups; i++) {
        const vq_plan_group *g = &w->plan->groups[i];
        if (g->layer != layer) continue;
        w->ready[i] =
            (vq_group_ready){.stats = stats && g->stats >= 0 ? &w->stats[g->stats] : NULL};
        if (!w->ready[i].stats) VQ_TRY(no_stats(w, g, &w->ready[i], e));
    }
    return layer >= 0 ? vq_work_transform(w, layer, e) : VQ_OK;
}

typedef struct part {
    int index, layer;
    size_t first; /* module */
    vq_st_writer *writer;
    const char *dir;
    vq_tensor order; /* of the keys (ksort); without data: none */
    int64_t order_id;
} part;

/* x [shape[0]][shape[1]] as the file is to hold t. */
static vq_status store_edited(vq_work *w, const part *p, const vq_tensor *t, const float *x,
                              int64_t id, vq_err *e)
{
    const int64_t n = vq_tensor_numel(t);
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    if (t->transposed) {
        const vq_tensor values = {.dtype = VQ_F32,
                                  .ndim = 2,
                                  .shape = {t->shape[0], t->shape[1]},
                                  .data = x},
                        turned = vq_tensor_turn(&values);
        float *back = VQ_ALLOC(&w->scratch, float, n, "tensor as stored", e);
        if (!back) return e->status;
        VQ_TRY(vq_dense_rows(&w->j->job->kernels, &turned, 0, t->shape[1], t->shape[0], back, e));
        x = back;
    }
    const vq_status s = vq_store_floats(p->writer, id, t->dtype, x, n, &w->scratch, e);
    vq_arena_rewind(&w->scratch, mark);
    return s;
}

/* Tensors that an edit changed and that are not quantized (norms, biases, kept weights,
 * embeddings), each in the type that it has in the model. Their values stand in the overlay. */
static vq_status write_kept(vq_work *w, const part *p, bool declare, int64_t *ids, vq_err *e)
{
    const vq_edited d = vq_work_edited(w);
    int at = 0;
    for (int i = 0; i < w->overlay.count; i++) {
        vq_tensor t, stored;
        const float *x = vq_overlay_values(&w->overlay, i, &t);
        if (!x || vq_plan_quantizes(w->plan, t.name)) continue;
        VQ_TRY(vq_edited_stored(&d, t.name, &stored, e));
        t.dtype = stored.dtype;
        t.transposed = stored.transposed;
        const vq_tensor file = vq_tensor_as_stored(&t);
        VQ_TRY(declare ? vq_st_writer_declare(p->writer, file.name, file.dtype, file.shape,
                                              file.ndim, &ids[at], e)
                       : store_edited(w, p, &t, x, ids[at], e));
        at++;
    }
    return VQ_OK;
}

static vq_status round_part(vq_work *w, const part *p, vq_err *e)
{
    const vq_rounded *r = w->rounding.out;
    if (w->plan->rounder->block && p->layer >= 0)
        return vq_work_learn(w, p->layer, p->first, p->writer, e);
    for (size_t i = p->first; i < r->nmodules; i++) {
        VQ_TRY(vq_rounding_module(&w->rounding, i, p->writer, e));
        VQ_TRY(vq_step(&w->j->job->reporter, "quantizing", (int64_t)i + 1, w->plan->nquantized, e));
    }
    return VQ_OK;
}

/* Rope goes by the order of keys that a transform made: the model cannot be run without it. */
static vq_status declare_order(vq_work *w, part *p, vq_err *e)
{
    if (!w->model.ordered || p->layer < 0) return VQ_OK;
    VQ_TRY(vq_key_order_tensor(w->graph, p->layer, &p->order, &w->layer, e));
    if (!p->order.data) return VQ_OK;
    return vq_st_writer_declare(p->writer, p->order.name, p->order.dtype, p->order.shape,
                                p->order.ndim, &p->order_id, e);
}

static vq_status write_part(vq_work *w, part *p, vq_err *e)
{
    const vq_rounded *r = w->rounding.out;
    int64_t *ids = VQ_ALLOC(&w->layer, int64_t, w->overlay.count + 1, "tensors", e);
    if (!ids) return e->status;
    for (size_t i = p->first; i < r->nmodules; i++)
        VQ_TRY(vq_module_declare(w->plan->format, &r->modules[i], p->writer, e));
    VQ_TRY(write_kept(w, p, true, ids, e));
    VQ_TRY(declare_order(w, p, e));
    VQ_TRY(vq_st_writer_open(p->writer, p->dir, 0, e));
    VQ_TRY(round_part(w, p, e));
    VQ_TRY(write_kept(w, p, false, ids, e));
    if (p->order.data) VQ_TRY(vq_copy_tensor(&p->order, p->writer, p->order_id, e));
    const char *const *names;
    size_t n;
    return vq_st_writer_commit(p->writer, &names, &n, e);
}

static bool part_is_empty(const vq_work *w, const part *p)
{
    return w->rounding.out->nmodules == p->first && w->edits.count == 0;
}

static vq_status finish_part(vq_work *w, part *p, vq_err *e)
{
    p->dir = vq_parts_folder(&w->parts, p->index, e);
    if (!p->dir) return e->status;
    VQ_TRY(vq_remove_tree(p->dir, e));
    VQ_TRY(vq_make_dir(p->dir, e));
    VQ_TRY(vq_st_writer_new(&p->writer, &w->layer, e));
    vq_status s = write_part(w, p, e);
    vq_st_writer_drop(p->writer);
    const vq_rounded *r = w->rounding.out;
    const char *file = s == VQ_OK ? vq_join(&w->layer, p->dir, "model.safetensors", e) : NULL;
    if (s == VQ_OK && !file) s = e->status;
    if (s == VQ_OK)
        s = vq_run_state_add(&w->state, p->index, file, r, p->first, r->nmodules - p->first, e);
    return s == VQ_OK
               ? vq_parts_add(&w->parts, p->index, r->modules + p->first, r->nmodules - p->first, e)
               : s;
}

/* What training aims at: the outputs of the original block, whether or not anything of this one is
 * quantized. */
static vq_status advance_original(vq_work *w, int layer, vq_err *e)
{
    return w->original && layer >= 0 ? vq_calib_advance(w->original, layer, e) : VQ_OK;
}

/* Parts are the blocks and, last, what lies outside of them. */
static vq_status make_part(vq_work *w, int index, vq_err *e)
{
    part p = {.index = index,
              .layer = index < w->graph->layers ? index : -1,
              .first = w->rounding.out->nmodules};
    VQ_TRY(reset_block(w, e));
    VQ_TRY(vq_work_show(w, p.layer, e));
    VQ_TRY(prepare_groups(w, p.layer, e));
    for (int i = 0; i < w->plan->ngroups; i++)
        if (w->plan->groups[i].layer == p.layer) VQ_TRY(vq_rounding_add(&w->rounding, i, e));
    VQ_TRY(advance_original(w, p.layer, e));
    const vq_status s = part_is_empty(w, &p)
                            ? vq_run_state_add(&w->state, index, NULL, w->rounding.out, 0, 0, e)
                            : finish_part(w, &p, e);
    vq_work_release(w);
    if (s != VQ_OK) return s;
    return p.layer >= 0 ? advance(w, p.layer, false, e) : VQ_OK;
}

static vq_status restore_parts(vq_work *w, int done, vq_err *e)
{
    vq_rounded *r = w->rounding.out;
    for (int i = 0; i < done; i++) {
        const size_t first = r->nmodules;
        bool empty;
        const char *dir = vq_parts_folder(&w->parts, i, e),
                   *file = dir ? vq_join(w->run, dir, "model.safetensors", e) : NULL;
        if (!file) return e->status;
        VQ_TRY(vq_run_state_restore(&w->state, i, file, w->plan, r, &empty, w->run, e));
        if (!empty) VQ_TRY(vq_parts_add(&w->parts, i, r->modules + first, r->nmodules - first, e));
        if (i >= w->graph->layers) continue;
        VQ_TRY(advance_original(w, i, e));
        VQ_TRY(advance(w, i, true, e));
    }
    return VQ_OK;
}

static vq_status make_parts(vq_work *w, vq_err *e)
{
    const int done = vq_run_state_parts(&w->state);
    if (done)
        vq_say(&w->j->job->reporter, 0, "resuming after %d of %d parts", done, w->parts.count);
    VQ_TRY(restore_parts(w, done, e));
    for (int i = done; i < w->parts.count; i++) {
        VQ_TRY(make_part(w, i, e));
        vq_st_set_forget(
            &w->plan->model->checkpoint.weights); /* a block is read, used, and not needed again */
    }
    const vq_st_set *instead;
    VQ_TRY(vq_work_finish(w, &instead, e));
    vq_arena_trim();
    return vq_parts_assemble(&w->parts, w->plan, w->j->job, instead, w->j->dir, w->run, e);
}

static vq_status open_model(vq_work *w, vq_err *e)
{
    const vq_model *m = w->plan->model;
    VQ_TRY(vq_model_need_graph(m, "calibration", e));
    w->graph = &m->graph;
    VQ_TRY(vq_graph_groups(w->graph, w->run, &w->groups, &w->ngroups, e));
    const bool quantized = w->plan->recipe->calib.propagate_quantized;
    VQ_TRY(vq_parts_init(&w->parts, w->j->work, &m->checkpoint.source, w->plan->format,
                         w->graph->layers + 1, (size_t)w->plan->nweights, w->run, e));
    VQ_TRY(vq_overlay_init(&w->overlay, quantized ? &w->parts.source : &m->checkpoint.source,
                           w->graph->count * 3, w->run, e));
    w->exec = vq_model_exec(m, w->j->job, &w->scratch, quantized);
    w->exec.source = &w->overlay.source;
    vq_model_edits_init(&w->model, &m->graph, w->run);
    w->original_exec = vq_model_exec(m, w->j->job, &w->scratch, false);
    w->ready = VQ_NEW(w->run, vq_group_ready, w->plan->ngroups, "plan", e);
    if (!w->ready) return e->status;
    w->rounding.ready = w->ready;
    return VQ_OK;
}

/* Rotations and orders of the residual stream: before anything is gathered, so that all statistics
 * are those of the model as it is then. */
static vq_status model_passes(vq_work *w, vq_err *e)
{
    const vq_plan *p = w->plan;
    if (!vq_model_passes_any(p)) return VQ_OK;
    const vq_exec base = vq_model_exec(p->model, w->j->job, &w->scratch, false);
    const vq_calib_options o = vq_calibration_options(p, w->j->job, p->needs, w->j->work);
    VQ_TRY(vq_model_passes_run(&w->model, p, &base, &w->samples.samples, &o, &w->j->job->reporter,
                               &w->layer, e));
    w->rounding.out->untied = w->model.untied;
    const vq_edited d = {&w->model.graph, &p->model->checkpoint.source, &w->j->job->kernels,
                         &w->model.edits};
    VQ_TRY(vq_edited_source_init(&w->original_source, &d, w->run, e));
    w->original_exec.source = &w->original_source.source;
    w->graph = w->exec.graph = w->original_exec.graph = &w->model.graph;
    return VQ_OK;
}

static vq_status open_data(vq_work *w, vq_calibrated *c, vq_err *e)
{
    const unsigned needs = w->plan->needs;
    const bool file = w->j->statistics != NULL,
               quantized = w->plan->recipe->calib.propagate_quantized;
    w->from_file = file || (needs & VQ_NEED_GRADIENT);
    w->gathers = (needs & ~(unsigned)VQ_NEED_GRADIENT) && (!w->from_file || quantized);
    const bool sweeps = w->gathers || vq_plan_trials(w->plan);
    if (file && vq_model_passes_any(w->plan))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: statistics of the original model do not fit rotate, ksort or "
                       "stream_order; leave --stats out",
                       w->j->statistics);
    const bool wanted = sweeps || w->plan->finish || (needs && !file);
    if (wanted) VQ_TRY(find_samples(w, c, e));
    if (!wanted && w->j->data)
        vq_warn(&w->j->job->reporter, "data-unused", w->j->data,
                "the run gathers no statistics; the data is not used");
    if (file) VQ_TRY(open_statistics(w, c, e));
    VQ_TRY(open_state(w, e));
    VQ_TRY(model_passes(w, e));
    if (w->from_file && !file) VQ_TRY(vq_work_gradients(w, e));
    return sweeps ? begin_sweep(w, e) : VQ_OK;
}

static vq_status run_work(vq_work *w, vq_calibrated *c, vq_err *e)
{
    VQ_TRY(open_model(w, e));
    VQ_TRY(open_data(w, c, e));
    return make_parts(w, e);
}

vq_status vq_blocks_run(const vq_blocks_job *j, vq_rounded *r, vq_calibrated *c, vq_arena *a,
                        vq_err *e)
{
    vq_work w = {.j = j, .plan = j->plan, .run = a};
    vq_arena_init(&w.layer, j->budget);
    vq_arena_init(&w.view, j->budget);
    vq_arena_init(&w.scratch, j->budget);
    vq_arena_init(&w.kept.of.arena, j->budget);
    w.kept.group = -1;
    w.rounding = (vq_rounding){.plan = j->plan,
                               .job = j->job,
                               .edits = &w.edits,
                               .out = r,
                               .scratch = &w.scratch,
                               .kept = &w.kept};
    *c = (vq_calibrated){.kind = "none"};
    const vq_status s = run_work(&w, c, e);
    vq_calib_end(w.calib);
    vq_calib_end(w.original);
    if (w.file_open) vq_stats_close(&w.file);
    vq_parts_close(&w.parts);
    vq_run_state_done(&w.state);
    vq_rounding_keep(&w.kept, -1);
    vq_edited_source_done(&w.original_source);
    vq_arena_done(&w.scratch);
    vq_arena_done(&w.view);
    vq_arena_done(&w.layer);
    return s;
}
