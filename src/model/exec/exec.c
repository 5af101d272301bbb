/* exec.c -- the parts of a model, one call each: embedding, block, final norm. */
#include "model/exec/exec.h"

#include "model/exec/finite.h"
#include "model/exec/frame.h"

/* One node outside blocks: no lifetimes to plan. */
static vq_status run_single(const vq_exec *x, const vq_batch *b, int id, float *in, float *out,
                            const int32_t *ids, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[id];
    const vq_arena_mark mark = vq_arena_here(x->arena);
    vq_frame f = {.exec = x,
                  .batch = b,
                  .tokens = b->sequences * b->length,
                  .ids = ids,
                  .coded_value = -1,
                  .base = mark};
    f.values = VQ_NEW(x->arena, float *, x->graph->count, "values", e);
    if (!f.values) return e->status;
    if (in) f.values[n->in[0]] = in;
    f.values[id] = out;
    const vq_status status = vq_op_of(n->op)->forward(n, id, &f, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}

vq_status vq_exec_embed(const vq_exec *x, const vq_batch *b, const int32_t *ids, float *out,
                        vq_err *e)
{
    return run_single(x, b, x->graph->first[0], NULL, out, ids, e) == VQ_OK ? VQ_OK
                                                                            : vq_at(e, "embed");
}

vq_status vq_exec_block(const vq_exec *x, const vq_batch *b, int layer, float *h, vq_err *e)
{
    vq_status status = vq_frame_run(x, b, 1 + layer, h, e);
    if (status == VQ_OK) status = vq_check_finite(x, b, h, "output", e);
    return status == VQ_OK ? VQ_OK : vq_at(e, "layer %d", layer);
}

vq_status vq_exec_norm(const vq_exec *x, const float *h, int64_t rows, float *out, vq_err *e)
{
    const vq_batch b = {.sequences = 1, .length = rows};
    const int id = x->graph->first[x->graph->layers + 1];
    return run_single(x, &b, id, (float *)(uintptr_t)h, out, NULL, e) == VQ_OK
               ? VQ_OK
               : vq_at(e, "final norm");
}

size_t vq_exec_bytes(const vq_exec *x, const vq_batch *b)
{
    size_t most = 0;
    for (int layer = 0; layer < x->graph->layers; layer++) {
        const size_t bytes = vq_frame_bytes(x, b, 1 + layer);
        if (bytes > most) most = bytes;
    }
    return most;
}
