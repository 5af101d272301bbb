/* block_learn.c -- rounders that train: all linears of a block are rounded, trained together on the
 * block's output, then packed. */
#include <string.h>

#include "plan/budget.h"
#include "run/quantize/block_work.h"
#include "train/block_loss.h"
#include "train/block_train.h"

/* What is held of each module of the block until it is packed. */
typedef struct held {
    float *w;
    vq_qtensor q, stored; /* stored: with ARC's residual columns */
    vq_linear linear;
} held;

static vq_status hold_module(vq_work *w, size_t i, held *h, vq_train_linear *t, vq_err *e)
{
    const vq_rounding *s = &w->rounding;
    const vq_input_map *map = &s->ready[s->out->group[i]].map;
    VQ_TRY(vq_rounding_weight(s, i, &h->w, e));
    VQ_TRY(vq_rounding_round(s, i, h->w, &h->q, e));
    if (map->s > 0) VQ_TRY(vq_arc_augment(&h->q, map->s, &h->stored, s->scratch, e));
    VQ_TRY(vq_rounding_linear(s, i, &h->linear, e));
    *t = (vq_train_linear){
        .name = h->linear.name, .w = h->w, .q = &h->q, .stored = map->s > 0 ? &h->stored : NULL};
    return vq_overlay_quantized(&w->overlay, &h->linear, map->s > 0 ? &h->stored : &h->q, e);
}

/* The metric of the block's output, when the curvature at the linear that ends it was gathered. */
static vq_status output_metric(vq_work *w, int layer, const float **metric, vq_err *e)
{
    *metric = NULL;
    const int64_t n = vq_record_width(w->graph, 1 + layer);
    for (int i = 0; i < w->nstats; i++)
        for (int j = 0; j < w->stats[i].nlinears; j++) {
            const vq_curvature *c = &w->stats[i].linears[j];
            const int node = vq_graph_find(w->graph, c->name);
            if (i + 1 < w->nstats || c->n != n || !c->output) continue;
            if (node >= 0 && w->graph->nodes[node].routed > 0) continue; /* an expert's, no end */
            float *made = VQ_ALLOC(&w->layer, float, n *n, "metric of a block's output", e);
            if (!made) return e->status;
            vq_block_metric(c->output, n, made);
            *metric = made;
        }
    return VQ_OK;
}

static vq_status train(vq_work *w, int layer, const vq_train_linear *linears, int count, vq_err *e)
{
    const vq_learn_options options = vq_learn_options_of(w->plan->round_options);
    vq_exec quantized = w->exec;
    quantized.quantize_inputs = true;
    vq_block_train_job job = {.exec = &quantized,
                              .inputs = w->calib,
                              .targets = w->original ? w->original : w->calib,
                              .layer = layer,
                              .linears = linears,
                              .count = count,
                              .options = &options,
                              .bf16 =
                                  vq_calibration_options(w->plan, w->j->job, 0, w->j->work).bf16,
                              .seed = w->plan->recipe->calib.seed + (uint64_t)layer,
                              .reporter = &w->j->job->reporter,
                              .scratch = &w->scratch};
    VQ_TRY(output_metric(w, layer, &job.metric, e));
    VQ_TRY(vq_block_train(&job, e));
    vq_say(&w->j->job->reporter, 1, "layer %d: error of the output %.4g -> %.4g", layer, job.first,
           job.best);
    return VQ_OK;
}

/* SQNR as it is after training. */
static void measure(vq_work *w, size_t i, const held *h)
{
    const vq_kernels *kr = &w->j->job->kernels;
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    vq_err ignored;
    double signal = 0, noise = 0, xx, dd;
    float *x = VQ_ALLOC(&w->scratch, float, h->q.rows * h->q.cols, "weight in f32", &ignored);
    if (!x) return;
    vq_decode_rows(kr, &h->q, x, h->q.cols);
    for (int64_t r = 0; r < h->q.rows; r++) {
        kr->error_sums(h->w + r * h->q.cols, x + r * h->q.cols, (size_t)h->q.cols, &xx, &dd);
        signal += xx;
        noise += dd;
    }
    w->rounding.out->sqnr_db[i] = vq_sqnr_db(signal, noise);
    vq_arena_rewind(&w->scratch, mark);
}

static vq_status learn(vq_work *w, int layer, size_t first, size_t n, vq_st_writer *writer,
                       vq_err *e)
{
    held *h = VQ_NEW(&w->scratch, held, n, "modules of a block", e);
    vq_train_linear *t =
        h ? VQ_NEW(&w->scratch, vq_train_linear, n, "modules of a block", e) : NULL;
    if (!t) return e->status;
    for (size_t i = 0; i < n; i++)
        if (hold_module(w, first + i, &h[i], &t[i], e) != VQ_OK)
            return vq_at(e, "%s", w->rounding.out->modules[first + i].name);
    vq_rounding_keep(&w->kept, -1);
    VQ_TRY(train(w, layer, t, (int)n, e));
    for (size_t i = 0; i < n; i++) {
        measure(w, first + i, &h[i]);
        VQ_TRY(vq_rounding_store(&w->rounding, first + i, &h[i].q, writer, e));
    }
    return VQ_OK;
}

vq_status vq_work_learn(vq_work *w, int layer, size_t first, vq_st_writer *writer, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    const size_t n = w->rounding.out->nmodules - first;
    const int view = w->overlay.count;
    const vq_status s = n ? learn(w, layer, first, n, writer, e) : VQ_OK;
    w->overlay.count = view; /* the quantized linears live in scratch */
    vq_arena_rewind(&w->scratch, mark);
    return s;
}
