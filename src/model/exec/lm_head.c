/* lm_head.c -- logits of some rows for a slice of the vocabulary. */
#include "model/exec/lm_head.h"

#include <assert.h>

#include "model/op/dense.h"
#include "model/op/linear.h"

vq_status vq_lm_head_find(const vq_exec *x, vq_linear *l, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[x->graph->count - 1];
    if (!n->tied) return x->source->linear(x->source->self, n->name, n->width, n->in_width, l, e);
    *l = (vq_linear){.name = n->name, .n = n->width, .k = n->in_width, .k_stored = n->in_width};
    return vq_embedding_table(x, &x->graph->nodes[x->graph->first[0]], n->width, &l->dense, e);
}

static vq_status logits_in_arena(const vq_exec *x, const float *normed, int64_t rows, int64_t v0,
                                 int64_t nv, float *logits, vq_err *e)
{
    assert(v0 >= 0 && nv >= 0 && v0 + nv <= x->graph->vocab);
    vq_linear l;
    VQ_TRY(vq_lm_head_find(x, &l, e));
    const float *in = normed;
    if (vq_linear_changes_input(x, &l)) {
        float *coded =
            VQ_ALLOC(x->arena, float, rows *vq_linear_input_width(x, &l), "quantized input", e);
        if (!coded) return e->status;
        VQ_TRY(vq_linear_input(x, &l, normed, rows, coded, e));
        in = coded;
    }
    return vq_linear_rows(x, &l, in, rows, v0, nv, logits, nv, e);
}

vq_status vq_exec_logits(const vq_exec *x, const float *normed, int64_t rows, int64_t v0,
                         int64_t nv, float *logits, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = logits_in_arena(x, normed, rows, v0, nv, logits, e);
    vq_arena_rewind(x->arena, mark);
    return status == VQ_OK ? VQ_OK : vq_at(e, "lm_head");
}
