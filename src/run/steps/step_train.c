/* step_train.c -- rounders that train: all linears of a block are rounded, trained together on the
 * block's output, then packed. */
#include <string.h>

#include "plan/cost/budget.h"
#include "run/block/section.h"
#include "train/block_loss.h"
#include "train/block_train.h"

/* What is held of each module of the block until it is packed. */
typedef struct held {
    float *w;
    vq_qtensor q, stored; /* stored: with ARC's residual columns */
    vq_linear linear;
} held;

static vq_status hold_module(vq_run *r, vq_block *b, size_t i, held *h, vq_train_linear *t,
                             vq_err *e)
{
    const vq_rounding *s = &r->rounding;
    const vq_input_map *map = &s->inputs[s->out->group[i]].map;
    VQ_TRY(vq_rounding_weight(s, i, &h->w, e));
    VQ_TRY(vq_rounding_round(s, i, h->w, &h->q, e));
    if (map->s > 0) VQ_TRY(vq_arc_augment(&h->q, map->s, &h->stored, s->scratch, e));
    VQ_TRY(vq_rounding_linear(s, i, &h->linear, e));
    *t = (vq_train_linear){
        .name = h->linear.name, .w = h->w, .q = &h->q, .stored = map->s > 0 ? &h->stored : NULL};
    return vq_overlay_quantized(&b->overlay, &h->linear, map->s > 0 ? &h->stored : &h->q, e);
}

/* The metric [n][n] of the block's output: from the output curvature of the last linear, when that
 * was gathered; else NULL, which weighs all channels alike. */
static vq_status output_metric(const vq_run *r, vq_block *b, const float **metric, vq_err *e)
{
    *metric = NULL;
    const int64_t n = vq_record_width(r->models.graph, 1 + b->layer);
    for (int i = 0; i < b->nstats; i++)
        for (int j = 0; j < b->stats[i].nlinears; j++) {
            const vq_curvature *c = &b->stats[i].linears[j];
            const int node = vq_graph_find(r->models.graph, c->name);
            if (i + 1 < b->nstats || c->n != n || !c->output) continue;
            if (node >= 0 && r->models.graph->nodes[node].routed > 0)
                continue; /* an expert's, which does not end the block */
            float *made = VQ_ALLOC(&b->arena, float, n *n, "metric of a block's output", e);
            if (!made) return e->status;
            vq_block_metric(c->output, n, made);
            *metric = made;
        }
    return VQ_OK;
}

static vq_status train(vq_run *r, vq_block *b, const vq_train_linear *linears, int count, vq_err *e)
{
    const vq_learn_options options = vq_learn_options_of(r->plan->round_options);
    const vq_run_activations *a = &r->activations;
    vq_exec quantized = r->models.current;
    quantized.quantize_inputs = true;
    vq_block_train_job job = {.exec = &quantized,
                              .inputs = a->current,
                              .targets = a->original ? a->original : a->current,
                              .layer = b->layer,
                              .linears = linears,
                              .count = count,
                              .options = &options,
                              .bf16 =
                                  vq_calibration_options(r->plan, r->job, 0, r->request->work).bf16,
                              .seed = r->plan->recipe->calib.seed + (uint64_t)b->layer,
                              .reporter = &r->job->reporter,
                              .scratch = &r->scratch};
    VQ_TRY(output_metric(r, b, &job.metric, e));
    VQ_TRY(vq_block_train(&job, e));
    vq_say(&r->job->reporter, 1, "layer %d: error of the output %.4g -> %.4g", b->layer, job.first,
           job.best);
    return VQ_OK;
}

/* SQNR as it is after training. */
static void measure(vq_run *r, size_t i, const held *h)
{
    const vq_kernels *kr = &r->job->kernels;
    const vq_arena_mark mark = vq_arena_here(&r->scratch);
    vq_err ignored;
    double signal = 0, noise = 0, xx, dd;
    float *x = VQ_ALLOC(&r->scratch, float, h->q.rows * h->q.cols, "weight in f32", &ignored);
    if (!x) return;
    vq_decode_rows(kr, &h->q, x, h->q.cols);
    for (int64_t row = 0; row < h->q.rows; row++) {
        kr->error_sums(h->w + row * h->q.cols, x + row * h->q.cols, (size_t)h->q.cols, &xx, &dd);
        signal += xx;
        noise += dd;
    }
    r->rounding.out->sqnr_db[i] = vq_sqnr_db(signal, noise);
    vq_arena_rewind(&r->scratch, mark);
}

static vq_status train_modules(vq_run *r, vq_block *b, size_t first, vq_tensor_writer *writer,
                               vq_err *e)
{
    const size_t n = r->rounding.out->nmodules - first;
    held *h = VQ_NEW(&r->scratch, held, n, "modules of a block", e);
    vq_train_linear *t =
        h ? VQ_NEW(&r->scratch, vq_train_linear, n, "modules of a block", e) : NULL;
    if (!t) return e->status;
    for (size_t i = 0; i < n; i++)
        if (hold_module(r, b, first + i, &h[i], &t[i], e) != VQ_OK)
            return vq_at(e, "%s", r->rounding.out->modules[first + i].name);
    vq_rounding_cache_for(&r->cache, -1); /* every linear is rounded: it is not needed any more */
    VQ_TRY(train(r, b, t, (int)n, e));
    for (size_t i = 0; i < n; i++) {
        measure(r, first + i, &h[i]);
        VQ_TRY(vq_rounding_store(&r->rounding, first + i, &h[i].q, writer, e));
    }
    return VQ_OK;
}

/* Rounds and trains the block's linears. Their quantized form is in scratch, so its overlay entries
 * are removed at the end. */
static vq_status round_trained(vq_run *r, vq_block *b, size_t first, vq_tensor_writer *writer,
                               vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&r->scratch);
    const int edited = b->overlay.count;
    const bool some = r->rounding.out->nmodules > first;
    const vq_status s = some ? train_modules(r, b, first, writer, e) : VQ_OK;
    b->overlay.count = edited;
    vq_arena_rewind(&r->scratch, mark);
    return s;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    return vq_section_write(r, b, round_trained, e);
}

/* Linears that are trained together, with what they started from (f32, codes, scales). */
static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_plan *p = s->plan;
    const vq_exec x = vq_model_exec(p->model, job, NULL, false);
    const vq_learn_options o = vq_learn_options_of(p->round_options);
    const int64_t length = vq_sample_tokens(p);
    const vq_batch b = {.sequences = o.tokens > length ? o.tokens / length : 1, .length = length};
    uint64_t most = 0;
    for (int i = 0; i < p->nweights; i++) {
        if (!p->weights[i].quantized) continue;
        const uint64_t one =
            vq_block_train_bytes(x.graph, 0, &p->weights[i].scheme.weight, &o, length);
        if (one > most) most = one;
    }
    most += vq_block_weights(x.graph) * 6 + vq_exec_backward_bytes(&x, &b);
    return (vq_step_bytes){.most = most + vq_packed_bytes(p, job) + vq_edit_bytes(p) +
                                   vq_plan_round_bytes(p)};
}

/* A step of training runs samples forwards and back, to the weights too. */
static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    enum { UPDATES = 8 }; /* of a weight: gradient, step, code, value */
    const vq_learn_options o = vq_learn_options_of(s->plan->round_options);
    vq_pass_shape shape = vq_sweep_shape(s->plan, job, 0);
    const double looks = (double)vq_block_train_looks((int64_t)shape.tokens);
    shape.tokens = (double)o.steps * (double)o.tokens * 3 + looks;
    shape.batches = (double)o.steps * (2 + UPDATES);
    vq_cost_add_block(&cost[VQ_STAGE_ROUNDING], &shape, layer);
    vq_cost_add_rounding(&cost[VQ_STAGE_ROUNDING], s->plan, layer, false);
}

const vq_step_kind vq_step_train = {
    .name = "train",
    .doc = "linears rounded, trained together on the block's output, and written",
    .run = run,
    .restore = vq_section_restore,
    .bytes = bytes,
    .cost = cost,
};
