/* exec.c -- the parts of a model, one call each: embedding, block, final norm, logits. */
#include "model/exec.h"

#include <assert.h>

#include "base/parallel.h"
#include "model/dense.h"
#include "model/frame.h"
#include "model/op/linear.h"

/* One node outside blocks: no lifetimes to plan. */
static vq_status run_single(const vq_exec *x, const vq_batch *b, int id, float *in, float *out, const int32_t *ids, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[id];
    const vq_arena_mark mark = vq_arena_here(x->arena);
    vq_frame f = {.exec = x, .batch = b, .tokens = b->sequences * b->length, .ids = ids, .coded_value = -1, .base = mark};
    f.values = VQ_NEW(x->arena, float *, x->graph->count, "values", e);
    if (!f.values) return e->status;
    if (in) f.values[n->in[0]] = in;
    f.values[id] = out;
    const vq_status status = vq_op_of(n->op)->forward(n, id, &f, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}

vq_status vq_exec_embed(const vq_exec *x, const vq_batch *b, const int32_t *ids, float *out, vq_err *e)
{
    return run_single(x, b, x->graph->first[0], NULL, out, ids, e) == VQ_OK ? VQ_OK : vq_at(e, "embed");
}

/* First row with a NaN or Inf, -1 when all are finite. */
static int64_t first_bad_row(const vq_exec *x, const float *h, int64_t rows, int64_t width)
{
    int64_t bad = rows;
#pragma omp parallel for schedule(static) reduction(min : bad) if (rows * width > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++)
        if (!x->kernels->all_finite(h + r * width, (size_t)width) && r < bad) bad = r;
    return bad < rows ? bad : -1;
}

vq_status vq_exec_block(const vq_exec *x, const vq_batch *b, int layer, float *h, vq_err *e)
{
    if (vq_frame_run(x, b, 1 + layer, h, e) != VQ_OK) return vq_at(e, "layer %d", layer);
    const int64_t bad = first_bad_row(x, h, b->sequences * b->length, x->graph->hidden);
    if (bad < 0) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC, "layer %d > output of position %lld of sequence %lld is not finite: check the weights of this layer",
                   layer, (long long)(b->position + bad % b->length), (long long)(bad / b->length));
}

vq_status vq_exec_norm(const vq_exec *x, const float *h, int64_t rows, float *out, vq_err *e)
{
    const vq_batch b = {.sequences = 1, .length = rows};
    const int id = x->graph->first[x->graph->layers + 1];
    return run_single(x, &b, id, (float *)(uintptr_t)h, out, NULL, e) == VQ_OK ? VQ_OK : vq_at(e, "final norm");
}

/* The matrix of lm_head: its own, or the embedding. */
static vq_status find_head(const vq_exec *x, const vq_node *n, vq_linear *l, vq_err *e)
{
    if (!n->tied) return x->source->linear(x->source->self, n->name, n->width, n->in_width, l, e);
    *l = (vq_linear){.name = n->name, .n = n->width, .k = n->in_width, .k_stored = n->in_width};
    return vq_embedding_table(x, &x->graph->nodes[x->graph->first[0]], n->width, &l->dense, e);
}

static vq_status logits_in_arena(const vq_exec *x, const float *normed, int64_t rows, int64_t v0, int64_t nv, float *logits, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[x->graph->count - 1];
    assert(v0 >= 0 && nv >= 0 && v0 + nv <= n->width);
    vq_linear l;
    VQ_TRY(find_head(x, n, &l, e));
    const float *in = normed;
    if (vq_linear_changes_input(x, &l)) {
        float *coded = VQ_ALLOC(x->arena, float, rows *vq_linear_input_width(x, &l), "quantized input", e);
        if (!coded) return e->status;
        VQ_TRY(vq_linear_input(x, &l, normed, rows, coded, e));
        in = coded;
    }
    return vq_linear_rows(x, &l, in, rows, v0, nv, logits, nv, e);
}

vq_status vq_exec_logits(const vq_exec *x, const float *normed, int64_t rows, int64_t v0, int64_t nv, float *logits, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = logits_in_arena(x, normed, rows, v0, nv, logits, e);
    vq_arena_rewind(x->arena, mark);
    return status == VQ_OK ? VQ_OK : vq_at(e, "lm_head");
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
