/* calibrate.c -- the sweep: embed all samples, then block after block over all of them, with an observer at every linear's input. */
#include "calib/calibrate.h"

#include <assert.h>

#include "calib/observer.h"
#include "calib/spool.h"

struct vq_calib {
    vq_exec exec; /* with our hook */
    vq_samples samples;
    unsigned needs;
    const vq_watch *watch;
    const vq_linear_group *groups; /* of the graph */
    int ngroups;
    vq_spool spool;
    float *buffer;     /* one batch; NULL when the spool is in memory */
    int64_t per_batch; /* samples */
    int next;          /* block that comes next */
    vq_stats *stats;   /* of the block under way, in the order of its groups */
};

/* A batch of the sweep: samples [first, first + shape.sequences). */
typedef struct batch_place {
    vq_batch shape;
    size_t offset, count; /* floats of the spool */
    const int32_t *ids;
} batch_place;

static batch_place batch_at(const vq_calib *c, int64_t first)
{
    const int64_t left = c->samples.count - first, sequences = left < c->per_batch ? left : c->per_batch;
    const size_t per_sample = (size_t)(c->samples.length * c->exec.graph->hidden);
    return (batch_place){.shape = {.sequences = sequences, .length = c->samples.length},
                         .offset = (size_t)first * per_sample,
                         .count = (size_t)sequences * per_sample,
                         .ids = c->samples.ids + first * c->samples.length};
}

/* Statistics of the group that a node is the first linear of. */
static vq_stats *stats_of(const vq_calib *c, int node)
{
    int place = 0;
    for (int i = 0; i < c->ngroups; i++) {
        if (c->groups[i].linears[0] == node) return &c->stats[place];
        place += c->groups[i].layer == c->exec.graph->nodes[node].layer;
    }
    return NULL;
}

static vq_status on_input(void *ctx, int node, const float *x, int64_t tokens, int64_t k, vq_err *e)
{
    (void)e;
    vq_stats *s = stats_of(ctx, node);
    assert(s && s->k == k);
    (void)k;
    vq_stats_add(s, x, tokens);
    return VQ_OK;
}

static vq_status embed_samples(vq_calib *c, vq_err *e)
{
    for (int64_t first = 0; first < c->samples.count; first += c->per_batch) {
        const batch_place b = batch_at(c, first);
        float *h;
        VQ_TRY(vq_spool_take(&c->spool, b.offset, b.count, c->buffer, &h, e));
        VQ_TRY(vq_exec_embed(&c->exec, &b.shape, b.ids, h, e));
        VQ_TRY(vq_spool_give(&c->spool, b.offset, b.count, h, e));
        VQ_TRY(vq_step(c->watch, "embedding samples", first + b.shape.sequences, c->samples.count, e));
    }
    return VQ_OK;
}

static vq_status open_sweep(vq_calib *c, const vq_calib_options *o, vq_arena *a, vq_err *e)
{
    vq_linear_group *groups;
    VQ_TRY(vq_graph_groups(c->exec.graph, a, &groups, &c->ngroups, e));
    c->groups = groups;
    const size_t per_sample = (size_t)(c->samples.length * c->exec.graph->hidden);
    VQ_TRY(vq_spool_open(&c->spool, (size_t)c->samples.count * per_sample, o->spool_bytes, o->spool_path, a, e));
    if (c->spool.memory) return VQ_OK;
    c->buffer = VQ_ALLOC(a, float, (size_t)c->per_batch *per_sample, "activations of a batch", e);
    return c->buffer ? VQ_OK : e->status;
}

vq_status vq_calib_begin(vq_calib **c, const vq_exec *x, const vq_samples *s, const vq_calib_options *o, const vq_watch *w, vq_arena *a,
                         vq_err *e)
{
    *c = NULL;
    vq_calib *made = VQ_NEW(a, vq_calib, 1, "calibration", e);
    if (!made) return e->status;
    *made = (vq_calib){.exec = *x, .samples = *s, .needs = o->needs, .watch = w, .spool = {.fd = -1}};
    made->exec.hook = NULL;
    made->per_batch = o->batch_tokens > s->length ? o->batch_tokens / s->length : 1;
    if (made->per_batch > s->count) made->per_batch = s->count;
    vq_status status = open_sweep(made, o, a, e);
    if (status == VQ_OK) status = embed_samples(made, e);
    if (status != VQ_OK) {
        vq_calib_end(made);
        return status;
    }
    made->exec.hook = on_input;
    made->exec.hook_ctx = made;
    *c = made;
    return VQ_OK;
}

static vq_status open_stats(const vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out, vq_err *e)
{
    int place = 0;
    for (int i = 0; i < c->ngroups; i++) {
        if (c->groups[i].layer != layer) continue;
        const vq_node *first = &c->exec.graph->nodes[c->groups[i].linears[0]];
        if (place < nstats) VQ_TRY(vq_stats_new(&stats[place], first->name, first->in_width, c->needs, out, e));
        place++;
    }
    return place == nstats ? VQ_OK : vq_fail(e, VQ_E_BUG, "layer %d has %d groups of linears, not %d", layer, place, nstats);
}

vq_status vq_calib_block(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out, vq_err *e)
{
    if (layer != c->next) return vq_fail(e, VQ_E_BUG, "layer %d is calibrated out of turn, after %d", layer, c->next - 1);
    VQ_TRY(open_stats(c, layer, stats, nstats, out, e));
    c->stats = stats;
    for (int64_t first = 0; first < c->samples.count; first += c->per_batch) {
        const batch_place b = batch_at(c, first);
        float *h;
        VQ_TRY(vq_step(c->watch, "calibrating", layer, c->exec.graph->layers, e));
        VQ_TRY(vq_spool_take(&c->spool, b.offset, b.count, c->buffer, &h, e));
        VQ_TRY(vq_exec_block(&c->exec, &b.shape, layer, h, e));
        VQ_TRY(vq_spool_give(&c->spool, b.offset, b.count, h, e));
    }
    c->next++;
    return VQ_OK;
}

void vq_calib_end(vq_calib *c)
{
    if (c) vq_spool_close(&c->spool);
}
