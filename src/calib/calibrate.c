/* calibrate.c -- the forward sweep: embed all samples, then block after block over all of them,
 * with an observer at every linear's input. */
#include "calib/calibrate.h"

#include <string.h>

#include "calib/sweep.h"
#include "model/exec/exec.h"

struct vq_calib {
    vq_sweep sweep;
    vq_spool spool, outputs; /* outputs: with `ahead`, else closed */
    bool ahead, there;       /* there: outputs holds those of the block that comes next */
    float *buffer;           /* one batch */
    int next;                /* block that comes next */
};

static vq_status open_spool(vq_calib *c, const vq_calib_options *o, vq_arena *a, vq_err *e)
{
    c->buffer = VQ_ALLOC(a, float, vq_sweep_batch_floats(&c->sweep), "activations of a batch", e);
    if (!c->buffer) return e->status;
    VQ_TRY(
        vq_spool_open(&c->spool, vq_sweep_floats(&c->sweep), o->spool_bytes, o->spool_path, a, e));
    if (o->ahead)
        VQ_TRY(vq_spool_open(&c->outputs, vq_sweep_floats(&c->sweep), o->spool_bytes, o->spool_path,
                             a, e));
    return vq_sweep_embed(&c->sweep, &c->spool, c->buffer, e);
}

vq_status vq_calib_begin(vq_calib **c, const vq_exec *x, const vq_samples *s,
                         const vq_calib_options *o, const vq_reporter *w, vq_arena *a, vq_err *e)
{
    *c = NULL;
    vq_calib *made = VQ_NEW(a, vq_calib, 1, "calibration", e);
    if (!made) return VQ_E_LIMIT;
    made->spool.fd = made->outputs.fd = -1;
    made->ahead = o->ahead;
    VQ_TRY(vq_sweep_init(&made->sweep, x, s, o, w, a, e));
    const vq_status status = open_spool(made, o, a, e);
    if (status == VQ_OK)
        *c = made;
    else
        vq_calib_end(made);
    return status;
}

/* What happens to a block's outputs: nothing, they replace the inputs in `spool`, or they go to
 * `outputs` beside them. */
typedef enum after_block { DROP_OUTPUTS, KEEP_OUTPUTS, SET_ASIDE } after_block;

/* Runs one batch through the block. When the outputs replace the inputs, it may work in the spool's
 * memory; otherwise in c->buffer, so that the inputs stay. */
static vq_status run_batch(vq_calib *c, int layer, const vq_sweep_batch *b, after_block after,
                           vq_err *e)
{
    float *h;
    VQ_TRY(vq_spool_take(&c->spool, b->offset, b->count, c->buffer, &h, e));
    if (after != KEEP_OUTPUTS && h != c->buffer) h = memcpy(c->buffer, h, b->count * sizeof *h);
    VQ_TRY(vq_exec_block(&c->sweep.exec, &b->shape, layer, h, e));
    return after == DROP_OUTPUTS ? VQ_OK
                                 : vq_spool_give(after == KEEP_OUTPUTS ? &c->spool : &c->outputs,
                                                 b->offset, b->count, h, e);
}

static vq_status run_block(vq_calib *c, int layer, after_block after, vq_err *e)
{
    for (int64_t i = 0; i < vq_sweep_batches(&c->sweep); i++) {
        const vq_sweep_batch b = vq_sweep_at(&c->sweep, i);
        VQ_TRY(vq_step(c->sweep.reporter, "calibrating", layer, c->sweep.exec.graph->layers, e));
        VQ_TRY(run_batch(c, layer, &b, after, e));
    }
    c->next += after == KEEP_OUTPUTS;
    c->there = c->there || after == SET_ASIDE;
    return VQ_OK;
}

static vq_status check_turn(const vq_calib *c, int layer, vq_err *e)
{
    if (layer == c->next) return VQ_OK;
    return vq_fail(e, VQ_E_BUG, "layer %d is calibrated out of turn, after %d", layer, c->next - 1);
}

static vq_status gather(vq_calib *c, int layer, vq_stats *stats, int nstats, after_block after,
                        vq_arena *out, vq_err *e)
{
    VQ_TRY(check_turn(c, layer, e));
    VQ_TRY(vq_sweep_open(&c->sweep, layer, stats, nstats, out, e));
    const vq_status status = run_block(c, layer, after, e);
    const vq_status ended = vq_sweep_end(&c->sweep, layer, status == VQ_OK ? e : NULL);
    return status != VQ_OK ? status : ended;
}

vq_status vq_calib_gather(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out,
                          vq_err *e)
{
    return gather(c, layer, stats, nstats, DROP_OUTPUTS, out, e);
}

vq_status vq_calib_block(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out,
                         vq_err *e)
{
    return gather(c, layer, stats, nstats, c->ahead ? SET_ASIDE : KEEP_OUTPUTS, out, e);
}

vq_status vq_calib_advance(vq_calib *c, int layer, vq_err *e)
{
    VQ_TRY(check_turn(c, layer, e));
    if (!c->there) return run_block(c, layer, KEEP_OUTPUTS, e);
    const vq_spool behind = c->spool;
    c->spool = c->outputs;
    c->outputs = behind;
    c->there = false;
    c->next++;
    return VQ_OK;
}

vq_status vq_calib_look_ahead(vq_calib *c, int layer, vq_err *e)
{
    VQ_TRY(check_turn(c, layer, e));
    return c->there ? VQ_OK : run_block(c, layer, SET_ASIDE, e);
}

int64_t vq_calib_batches(const vq_calib *c)
{
    return vq_sweep_batches(&c->sweep);
}

static vq_status batch_of(vq_calib *c, const vq_spool *from, int64_t i, vq_batch *shape,
                          const float **h, vq_err *e)
{
    const vq_sweep_batch b = vq_sweep_at(&c->sweep, i);
    float *at;
    VQ_TRY(vq_spool_take(from, b.offset, b.count, c->buffer, &at, e));
    *shape = b.shape;
    *h = at;
    return VQ_OK;
}

vq_status vq_calib_batch(vq_calib *c, int64_t i, vq_batch *shape, const float **h, vq_err *e)
{
    return batch_of(c, &c->spool, i, shape, h, e);
}

vq_status vq_calib_batch_ahead(vq_calib *c, int64_t i, vq_batch *shape, const float **h, vq_err *e)
{
    return c->there ? batch_of(c, &c->outputs, i, shape, h, e)
                    : vq_fail(e, VQ_E_BUG, "the outputs of block %d are not there", c->next);
}

void vq_calib_end(vq_calib *c)
{
    if (!c) return;
    vq_spool_close(&c->spool);
    vq_spool_close(&c->outputs);
}

static vq_status sweep_layer(vq_calib *c, int layer, const vq_stats_sink *sink, vq_arena *a,
                             vq_err *e)
{
    const int nstats = vq_sweep_groups(&c->sweep, layer);
    vq_stats *stats = VQ_NEW(a, vq_stats, nstats, "statistics", e);
    if (!stats) return e->status;
    VQ_TRY(vq_calib_block(c, layer, stats, nstats, a, e));
    return sink->layer(sink->ctx, layer, stats, nstats, e);
}

vq_status vq_calib_forward(const vq_exec *x, const vq_samples *s, const vq_calib_options *o,
                           const vq_stats_sink *sink, const vq_reporter *w, vq_arena *a, vq_err *e)
{
    vq_calib *c;
    const vq_arena_mark mark = vq_arena_here(a);
    vq_status status = vq_calib_begin(&c, x, s, o, w, a, e);
    for (int layer = 0; status == VQ_OK && layer < x->graph->layers; layer++) {
        const vq_arena_mark block = vq_arena_here(a);
        status = sweep_layer(c, layer, sink, a, e);
        vq_arena_rewind(a, block);
    }
    if (status == VQ_OK) status = vq_step(w, "calibrating", x->graph->layers, x->graph->layers, e);
    vq_calib_end(c);
    vq_arena_rewind(a, mark);
    return status;
}
