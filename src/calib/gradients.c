/* gradients.c -- the backward sweep: forward once with every block's input kept, then block by
 * block from the last to the first. */
#include <string.h>

#include "calib/calibrate.h"
#include "calib/observer.h"
#include "calib/sweep.h"
#include "model/exec/exec.h"

typedef struct backward_sweep {
    vq_sweep sweep;
    /* [layers + 1] records of all samples: the inputs of the blocks, and in the last place the
     * output of the last block, later d loss / d output of the block under way */
    vq_spool spool;
    float *h, *g; /* one batch each */
    uint64_t seed;
    vq_grad_hooks hooks;
} backward_sweep;

static int layers_of(const backward_sweep *s)
{
    return s->sweep.exec.graph->layers;
}

/* Floats of the spool at which a batch begins in the inputs of a layer. */
static size_t place_of(const backward_sweep *s, int layer, const vq_sweep_batch *b)
{
    return (size_t)layer * vq_sweep_floats(&s->sweep) + b->offset;
}

static vq_status on_gradient(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e)
{
    backward_sweep *s = ctx;
    const int64_t width = s->sweep.exec.graph->nodes[node].width;
    int member;
    vq_stats *stats = &s->sweep.stats[vq_sweep_group(&s->sweep, node, &member)];
    vq_rows in;
    bool whole;
    for (int64_t at = 0, first; vq_sweep_rows(&s->sweep, x, &at, &first, &in, &whole);) {
        const vq_rows out = {
            .x = g + first * width, .samples = in.samples, .length = in.length, .width = width};
        VQ_TRY(vq_curvature_add(&stats->linears[member], s->sweep.exec.kernels, &in, &out, whole,
                                s->sweep.exec.arena, e));
    }
    return VQ_OK;
}

static vq_status step(const backward_sweep *s, int done, vq_err *e)
{
    return vq_step(s->sweep.reporter, "gradients", done, 2 * layers_of(s), e);
}

static vq_status forward(backward_sweep *s, int layer, vq_err *e)
{
    for (int64_t i = 0; i < vq_sweep_batches(&s->sweep); i++) {
        const vq_sweep_batch b = vq_sweep_at(&s->sweep, i);
        float *h;
        VQ_TRY(step(s, layer, e));
        VQ_TRY(vq_spool_take(&s->spool, place_of(s, layer, &b), b.count, s->h, &h, e));
        if (h != s->h) memcpy(s->h, h, b.count * sizeof *h);
        VQ_TRY(vq_exec_block(&s->sweep.exec, &b.shape, layer, s->h, e));
        VQ_TRY(vq_spool_give(&s->spool, place_of(s, layer + 1, &b), b.count, s->h, e));
    }
    return VQ_OK;
}

/* End of the forward pass: the loss at the head. d loss / d output of the last block replaces that
 * output in the spool. */
static vq_status turn(backward_sweep *s, vq_err *e)
{
    for (int64_t i = 0; i < vq_sweep_batches(&s->sweep); i++) {
        const vq_sweep_batch b = vq_sweep_at(&s->sweep, i);
        const vq_head_loss loss = {.target = VQ_HEAD_SAMPLED,
                                   .seed = s->seed,
                                   .first = (uint64_t)s->sweep.first * (uint64_t)b.shape.length};
        float *h;
        VQ_TRY(step(s, layers_of(s), e));
        VQ_TRY(vq_spool_take(&s->spool, place_of(s, layers_of(s), &b), b.count, s->h, &h, e));
        VQ_TRY(vq_exec_head_backward(&s->sweep.exec, &loss, h, b.shape.sequences * b.shape.length,
                                     s->g, NULL, NULL, e));
        VQ_TRY(vq_spool_give(&s->spool, place_of(s, layers_of(s), &b), b.count, s->g, e));
    }
    return VQ_OK;
}

static vq_status backward(backward_sweep *s, int layer, const vq_grad_hooks *hooks, vq_err *e)
{
    for (int64_t i = 0; i < vq_sweep_batches(&s->sweep); i++) {
        const vq_sweep_batch b = vq_sweep_at(&s->sweep, i);
        float *h, *g;
        VQ_TRY(step(s, 2 * layers_of(s) - 1 - layer, e));
        VQ_TRY(vq_spool_take(&s->spool, place_of(s, layer, &b), b.count, s->h, &h, e));
        VQ_TRY(vq_spool_take(&s->spool, place_of(s, layers_of(s), &b), b.count, s->g, &g, e));
        VQ_TRY(vq_exec_block_backward(&s->sweep.exec, &b.shape, layer, h, g, hooks, e));
        VQ_TRY(vq_spool_give(&s->spool, place_of(s, layers_of(s), &b), b.count, g, e));
    }
    return VQ_OK;
}

static vq_status open_curvatures(backward_sweep *s, int layer, vq_arena *a, vq_err *e)
{
    const unsigned needs = s->sweep.needs & VQ_NEED_GRADIENT;
    for (int i = 0, place = 0; i < s->sweep.ngroups; i++) {
        const vq_linear_group *g = &s->sweep.groups[i];
        if (g->layer != layer) continue;
        vq_stats *stats = &s->sweep.stats[place++];
        stats->gathered |= needs;
        if (needs) stats->linears = VQ_NEW(a, vq_curvature, g->count, "statistics", e);
        if (needs && !stats->linears) return e->status;
        for (int j = 0; needs && j < g->count; j++) {
            const vq_node *n = &s->sweep.exec.graph->nodes[g->linears[j]];
            VQ_TRY(
                vq_curvature_new(&stats->linears[j], n->name, n->width, n->in_width, needs, a, e));
            stats->nlinears = j + 1;
        }
    }
    return VQ_OK;
}

static vq_status end_curvatures(const vq_stats *stats, int nstats, int layer, vq_err *e)
{
    for (int i = 0; i < nstats; i++)
        for (int j = 0; j < stats[i].nlinears; j++) {
            vq_curvature c = stats[i].linears[j];
            if (vq_curvature_end(&c, stats[i].k, e) != VQ_OK) return vq_at(e, "layer %d", layer);
        }
    return VQ_OK;
}

static vq_status gather_layer(backward_sweep *s, int layer, const vq_stats_sink *sink, vq_arena *a,
                              vq_err *e)
{
    const int nstats = vq_sweep_groups(&s->sweep, layer);
    vq_stats *stats = VQ_NEW(a, vq_stats, nstats, "statistics", e);
    if (!stats) return e->status;
    VQ_TRY(vq_sweep_open(&s->sweep, layer, stats, nstats, a, e));
    VQ_TRY(open_curvatures(s, layer, a, e));
    VQ_TRY(backward(s, layer, s->sweep.needs & VQ_NEED_GRADIENT ? &s->hooks : NULL, e));
    VQ_TRY(vq_sweep_end(&s->sweep, layer, e));
    VQ_TRY(end_curvatures(stats, nstats, layer, e));
    return sink->layer(sink->ctx, layer, stats, nstats, e);
}

static vq_status sweep_all(backward_sweep *s, int layers_left, const vq_stats_sink *sink,
                           vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_sweep_embed(&s->sweep, &s->spool, s->h, e));
    for (int layer = 0; layer < layers_of(s); layer++) VQ_TRY(forward(s, layer, e));
    VQ_TRY(turn(s, e));
    for (int layer = layers_of(s) - 1; layer >= layers_left; layer--)
        VQ_TRY(backward(s, layer, NULL, e));
    for (int layer = layers_left - 1; layer >= 0; layer--) {
        const vq_arena_mark mark = vq_arena_here(a);
        const vq_status status = gather_layer(s, layer, sink, a, e);
        vq_arena_rewind(a, mark);
        VQ_TRY(status);
    }
    return step(s, 2 * layers_of(s), e);
}

static vq_status open_sweep(backward_sweep *s, const vq_exec *x, const vq_samples *samples,
                            const vq_calib_options *o, const vq_reporter *w, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_sweep_init(&s->sweep, x, samples, o, w, a, e));
    s->h = VQ_ALLOC(a, float, vq_sweep_batch_floats(&s->sweep), "activations of a batch", e);
    s->g = s->h ? VQ_ALLOC(a, float, vq_sweep_batch_floats(&s->sweep), "gradients of a batch", e)
                : NULL;
    if (!s->g) return e->status;
    return vq_spool_open(&s->spool, (size_t)(layers_of(s) + 1) * vq_sweep_floats(&s->sweep),
                         o->spool_bytes, o->spool_path, a, e);
}

vq_status vq_calib_gradients(const vq_exec *x, const vq_samples *s, const vq_calib_options *o,
                             uint64_t seed, int layers_left, const vq_stats_sink *sink,
                             const vq_reporter *w, vq_arena *a, vq_err *e)
{
    backward_sweep b = {
        .spool = {.fd = -1}, .seed = seed, .hooks = {.ctx = &b, .linear = on_gradient}};
    const vq_arena_mark mark = vq_arena_here(a);
    vq_status status = open_sweep(&b, x, s, o, w, a, e);
    if (status == VQ_OK) status = sweep_all(&b, layers_left, sink, a, e);
    vq_spool_close(&b.spool);
    vq_arena_rewind(a, mark);
    return status;
}
