/* block_tune.c -- the finishing pass over the finished parts: what it changes stands in front of
 * them when the artifact is put together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/budget.h"
#include "run/quantize/block_work.h"
#include "train/tune.h"
#include "model/op/op.h"

typedef struct changes {
    vq_work *w;
    vq_tuned_source tuned;
    vq_tensor **list; /* becomes the sorted list of a set */
    size_t count;
} changes;

/* A tensor like `like` whose n values are x. */
static vq_status add_tensor(changes *c, const vq_tensor *like, const float *x, int64_t n, vq_err *e)
{
    vq_tensor *t = VQ_ALLOC(c->w->run, vq_tensor, 1, "tuned tensor", e);
    uint8_t *data = t ? VQ_ALLOC(c->w->run, uint8_t, like->bytes, "tuned tensor", e) : NULL;
    if (!data) return e->status;
    const bool half = like->dtype != VQ_F32;
    for (int64_t i = 0; i < n; i++) {
        const uint16_t h = like->dtype == VQ_F16 ? vq_f32_to_f16(x[i]) : vq_f32_to_bf16(x[i]);
        memcpy(data + (half ? 2 : 4) * i, half ? (const void *)&h : (const void *)&x[i],
               half ? 2 : 4);
    }
    *t = *like;
    t->data = data;
    c->list[c->count++] = t;
    return VQ_OK;
}

static vq_status add_vectors(changes *c, vq_err *e)
{
    const vq_source *s = &c->w->parts.source;
    for (int i = 0; i < c->tuned.nvectors; i++) {
        const vq_tuned_vector *v = &c->tuned.vectors[i];
        vq_tensor like;
        VQ_TRY(s->tensor(s->self, v->name, &like, e));
        VQ_TRY(add_tensor(c, &like, c->tuned.served + v->first, v->n, e));
    }
    return VQ_OK;
}

/* Sum of squares of a stored weight, without the copies of ARC. */
static vq_status square_sum(vq_work *w, const vq_linear *l, double *sum, vq_err *e)
{
    const vq_source *s = &w->parts.source;
    vq_qtensor q;
    VQ_TRY(s->rows(s->self, l, 0, l->n, &q, &w->scratch, e));
    float *x = VQ_ALLOC(&w->scratch, float, q.rows *q.cols, "weight in f32", e);
    if (!x) return e->status;
    vq_decode_rows(&w->j->job->kernels, &q, x, q.cols);
    *sum = 0;
    for (int64_t r = 0; r < q.rows; r++)
        for (int64_t i = 0; i < l->k; i++) {
            const int64_t at =
                l->arc_s ? vq_arc_column(i, l->k, l->arc_s, vq_arc_block(&l->scheme)) : i;
            const double v = (double)x[r * q.cols + at];
            *sum += v * v;
        }
    return VQ_OK;
}

/* |w - f w^|^2 from |w|^2, |w^|^2 and |w - w^|^2: the weight itself, with all its edits, is gone by
 * now. */
static vq_status follow_sqnr(vq_work *w, size_t i, double factor, vq_err *e)
{
    vq_rounded *r = w->rounding.out;
    const vq_source *s = &w->parts.source;
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    vq_linear l;
    double square = 0;
    VQ_TRY(s->linear(s->self, r->modules[i].name, r->modules[i].n, r->modules[i].k, &l, e));
    VQ_TRY(square_sum(w, &l, &square, e));
    vq_arena_rewind(&w->scratch, mark);
    const double signal = r->signal[i],
                 noise = isfinite(r->sqnr_db[i]) ? signal / pow(10, r->sqnr_db[i] / 10) : 0;
    const double product = (signal + square - noise) / 2;
    r->sqnr_db[i] = vq_sqnr_db(signal, signal - 2 * factor * product + factor * factor * square);
    return VQ_OK;
}

static int node_named(const vq_graph *g, const char *module)
{
    const int id = vq_graph_find(g, module);
    return id >= 0 && g->nodes[id].op->linear ? id : -1;
}

static vq_status add_scales(changes *c, vq_err *e)
{
    const vq_rounded *r = c->w->rounding.out;
    for (size_t i = 0; i < r->nmodules; i++) {
        const int id = node_named(c->w->graph, r->modules[i].name);
        vq_global_scale before = {.value = 1};
        if (id < 0 || c->tuned.factor_of[id] < 0) continue;
        const vq_tensor *like = vq_parts_global_scale(&c->w->parts, r->modules[i].name, &before);
        if (!like)
            return vq_fail(e, VQ_E_BUG, "%s: no second-level scale is stored", r->modules[i].name);
        const vq_global_scale after = vq_tune_global_scale(&c->tuned, id, before);
        VQ_TRY(add_tensor(c, like, &after.value, 1, e));
        const double ratio = (double)after.value / (double)before.value;
        VQ_TRY(follow_sqnr(c->w, i, before.divides ? 1 / ratio : ratio, e));
    }
    return VQ_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vq_tensor *const *)a)->name, (*(vq_tensor *const *)b)->name);
}

static vq_status collect(changes *c, const vq_tensor_set **instead, vq_err *e)
{
    vq_tensor_set *set = VQ_NEW(c->w->run, vq_tensor_set, 1, "tuned tensors", e);
    const size_t most = (size_t)c->tuned.nvectors + c->w->rounding.out->nmodules;
    c->list = set ? VQ_ALLOC(c->w->run, vq_tensor *, most + 1, "tuned tensors", e) : NULL;
    if (!c->list) return e->status;
    VQ_TRY(add_vectors(c, e));
    VQ_TRY(add_scales(c, e));
    qsort(c->list, c->count, sizeof(vq_tensor *), by_name);
    set->sorted = c->list;
    set->count = c->count;
    *instead = set;
    return VQ_OK;
}

static void end_sweeps(vq_work *w)
{
    vq_calib_end(w->calib);
    vq_calib_end(w->original);
    w->calib = w->original = NULL;
    vq_overlay_clear(&w->overlay);
    vq_arena_done(&w->view);
    vq_arena_done(&w->layer);
    vq_arena_init(&w->view, w->j->budget);
    vq_arena_init(&w->layer, w->j->budget);
}

vq_status vq_work_finish(vq_work *w, const vq_tensor_set **instead, vq_err *e)
{
    changes c = {.w = w};
    *instead = NULL;
    if (!w->plan->finish) return VQ_OK;
    end_sweeps(w);
    const vq_tune_options options = vq_tune_options_of(w->plan->finish_options);
    const vq_exec teacher = vq_model_exec(w->plan->model, w->j->job, &w->scratch, false);
    vq_exec student = vq_model_exec(w->plan->model, w->j->job, &w->scratch, true);
    student.graph = w->graph;
    student.source = &w->parts.source;
    const vq_calib_options calib = vq_calibration_options(w->plan, w->j->job, 0, w->j->work);
    vq_tune_job job = {.student = &student,
                       .teacher = &teacher,
                       .samples = &w->samples.samples,
                       .options = &options,
                       .bf16 = calib.bf16,
                       .seed = w->plan->recipe->calib.seed,
                       .spool_path = w->j->work,
                       .spool_bytes = calib.spool_bytes,
                       .reporter = &w->j->job->reporter,
                       .out = w->run,
                       .scratch = &w->layer};
    VQ_TRY(vq_tune_run(&job, &c.tuned, e));
    w->rounding.out->finished =
        (vq_finished){.before = job.first, .after = job.best, .tokens = job.held};
    return collect(&c, instead, e);
}
