/* step_finish.c -- the finishing pass over what was written: the tensors that it changes are stored
 * instead when the artifact is put together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/op/op.h"
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"
#include "train/tune.h"

typedef struct changes {
    vq_run *run;
    vq_tuned_source tuned;
    vq_tensor **list; /* becomes the sorted list of a set */
    size_t count;
} changes;

/* A tensor like `like` whose n values are x. */
static vq_status add_tensor(changes *c, const vq_tensor *like, const float *x, int64_t n, vq_err *e)
{
    vq_tensor *t = VQ_ALLOC(c->run->arena, vq_tensor, 1, "tuned tensor", e);
    uint8_t *data = t ? VQ_ALLOC(c->run->arena, uint8_t, like->bytes, "tuned tensor", e) : NULL;
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
    const vq_source *s = &c->run->written.source;
    for (int i = 0; i < c->tuned.nvectors; i++) {
        const vq_tuned_vector *v = &c->tuned.vectors[i];
        vq_tensor like;
        VQ_TRY(s->tensor(s->self, v->name, &like, e));
        VQ_TRY(add_tensor(c, &like, c->tuned.served + v->first, v->n, e));
    }
    return VQ_OK;
}

/* Sum of squares of a stored weight, without the copies of ARC. */
static vq_status square_sum(vq_run *r, const vq_linear *l, double *sum, vq_err *e)
{
    const vq_source *s = &r->written.source;
    vq_qtensor q;
    VQ_TRY(s->rows(s->self, l, 0, l->n, &q, &r->scratch, e));
    float *x = VQ_ALLOC(&r->scratch, float, q.rows *q.cols, "weight in f32", e);
    if (!x) return e->status;
    vq_decode_rows(&r->job->kernels, &q, x, q.cols);
    *sum = 0;
    for (int64_t row = 0; row < q.rows; row++)
        for (int64_t i = 0; i < l->k; i++) {
            const int64_t at =
                l->arc_s ? vq_arc_column(i, l->k, l->arc_s, vq_arc_block(&l->scheme)) : i;
            const double v = (double)x[row * q.cols + at];
            *sum += v * v;
        }
    return VQ_OK;
}

/* SQNR after the second-level scale got a factor f: |w - f w^|^2 = |w|^2 - 2 f w.w^ + f^2 |w^|^2,
 * where w.w^ = (|w|^2 + |w^|^2 - |w - w^|^2) / 2. The weight itself is not held any more. */
static vq_status follow_sqnr(vq_run *r, size_t i, double factor, vq_err *e)
{
    vq_rounded *made = r->rounding.out;
    const vq_source *s = &r->written.source;
    const vq_arena_mark mark = vq_arena_here(&r->scratch);
    vq_linear l;
    double square = 0;
    VQ_TRY(
        s->linear(s->self, made->modules[i].name, made->modules[i].n, made->modules[i].k, &l, e));
    VQ_TRY(square_sum(r, &l, &square, e));
    vq_arena_rewind(&r->scratch, mark);
    const double signal = made->signal[i],
                 noise = isfinite(made->sqnr_db[i]) ? signal / pow(10, made->sqnr_db[i] / 10) : 0;
    const double product = (signal + square - noise) / 2;
    made->sqnr_db[i] = vq_sqnr_db(signal, signal - 2 * factor * product + factor * factor * square);
    return VQ_OK;
}

static int node_named(const vq_graph *g, const char *module)
{
    const int id = vq_graph_find(g, module);
    return id >= 0 && g->nodes[id].op->linear ? id : -1;
}

static vq_status add_scales(changes *c, vq_err *e)
{
    const vq_rounded *r = c->run->rounding.out;
    for (size_t i = 0; i < r->nmodules; i++) {
        const int id = node_named(c->run->models.graph, r->modules[i].name);
        vq_global_scale before = {.value = 1};
        if (id < 0 || c->tuned.factor_of[id] < 0) continue;
        const vq_tensor *like =
            vq_written_global_scale(&c->run->written, r->modules[i].name, &before);
        if (!like)
            return vq_fail(e, VQ_E_BUG, "%s: no second-level scale is stored", r->modules[i].name);
        const vq_global_scale after = vq_tune_global_scale(&c->tuned, id, before);
        VQ_TRY(add_tensor(c, like, &after.value, 1, e));
        const double ratio = (double)after.value / (double)before.value;
        VQ_TRY(follow_sqnr(c->run, i, before.divides ? 1 / ratio : ratio, e));
    }
    return VQ_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vq_tensor *const *)a)->name, (*(vq_tensor *const *)b)->name);
}

static vq_status collect(changes *c, vq_err *e)
{
    vq_tensor_set *set = VQ_NEW(c->run->arena, vq_tensor_set, 1, "tuned tensors", e);
    const size_t most = (size_t)c->tuned.nvectors + c->run->rounding.out->nmodules;
    c->list = set ? VQ_ALLOC(c->run->arena, vq_tensor *, most + 1, "tuned tensors", e) : NULL;
    if (!c->list) return e->status;
    VQ_TRY(add_vectors(c, e));
    VQ_TRY(add_scales(c, e));
    qsort(c->list, c->count, sizeof(vq_tensor *), by_name);
    set->sorted = c->list;
    set->count = c->count;
    c->run->tuned = set;
    return VQ_OK;
}

/* The samples go through the whole model now: what they were between blocks is not needed. */
static vq_status end_sweeps(vq_run *r, vq_block *b, vq_err *e)
{
    vq_calib_end(r->activations.current);
    vq_calib_end(r->activations.original);
    r->activations = (vq_run_activations){0};
    VQ_TRY(vq_block_empty(r, b, e));
    return vq_block_apply(r, b, e);
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    changes c = {.run = r};
    VQ_TRY(end_sweeps(r, b, e));
    const vq_tune_options options = vq_tune_options_of(r->plan->finish_options);
    const vq_exec teacher = vq_model_exec(r->plan->model, r->job, &r->scratch, false);
    vq_exec student = vq_model_exec(r->plan->model, r->job, &r->scratch, true);
    student.graph = r->models.graph;
    student.source = &r->written.source;
    const vq_calib_options calib = vq_calibration_options(r->plan, r->job, 0, r->request->work);
    vq_tune_job job = {.student = &student,
                       .teacher = &teacher,
                       .samples = &r->samples.samples,
                       .options = &options,
                       .bf16 = calib.bf16,
                       .seed = r->plan->recipe->calib.seed,
                       .spool_path = r->request->work,
                       .spool_bytes = calib.spool_bytes,
                       .reporter = &r->job->reporter,
                       .out = r->arena,
                       .scratch = &b->arena};
    VQ_TRY(vq_tune_run(&job, &c.tuned, e));
    r->rounding.out->finished =
        (vq_finished){.before = job.first, .after = job.best, .tokens = job.held};
    return collect(&c, e);
}

/* The student's weights come out of codes, and ARC's inputs are wider than the model's. */
static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_plan *p = s->plan;
    const vq_tune_options o = vq_tune_options_of(p->finish_options);
    const vq_exec x = vq_model_exec(p->model, job, NULL, true);
    return (vq_step_bytes){
        .most = vq_tune_bytes(&x, &o, p->recipe->calib.samples, vq_sample_tokens(p)) +
                vq_plan_round_bytes(p) + vq_calibration_options(p, job, 0, NULL).spool_bytes};
}

/* A step of training runs samples through the original, and through the student forwards and back.
 */
static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)layer;
    const vq_tune_options o = vq_tune_options_of(s->plan->finish_options);
    const int64_t length = vq_sample_tokens(s->plan);
    vq_pass_shape shape = vq_sweep_shape(s->plan, job, 0);
    vq_cost *c = &cost[VQ_STAGE_FINISH];
    shape.tokens =
        (double)o.steps * (double)(o.tokens > length ? o.tokens / length * length : length);
    shape.batches = (double)o.steps;
    for (int i = 0; i < shape.graph->layers; i++) {
        for (int models = 0; models < 2; models++) vq_cost_add_block(c, &shape, i);
        vq_cost_add_block_back(c, &shape, i);
    }
    vq_cost_add_head(c, &shape, 3);
}

const vq_step_kind vq_step_finish = {
    .name = "finish",
    .doc = "the finishing pass over what was written",
    .run = run,
    .bytes = bytes,
    .cost = cost,
};
