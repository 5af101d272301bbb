/* logits.c -- logits of some rows for a slice of the vocabulary. */
#include "model/exec/logits.h"
#include "model/op/act_quant.h"

#include <assert.h>

#include "model/op/attention/softcap.h"
#include "model/op/dense.h"
#include "model/op/linear.h"

vq_status vq_lm_head_find(const vq_exec *x, vq_linear *l, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[x->graph->lm_head];
    if (!n->tied) {
        VQ_TRY(x->source->linear(x->source->self, n->name, n->width, n->in_width, l, e));
        if (!n->bias) l->bias = (vq_tensor){0};
        return VQ_OK;
    }
    *l = (vq_linear){.name = n->name, .n = n->width, .k = n->in_width, .k_stored = n->in_width};
    return vq_embedding_table(x, &x->graph->nodes[x->graph->embedding], &l->dense, e);
}

float vq_logit_cap(const vq_graph *g)
{
    return g->lm_head + 1 < g->count ? vq_softcap_of(&g->nodes[g->count - 1]) : 0;
}

void vq_logits_back(const vq_graph *g, const float *y, int64_t n, float *gradient)
{
    const float cap = vq_logit_cap(g);
    if (cap > 0) vq_softcap_back(y, n, cap, gradient);
}

static vq_status logits_in_arena(const vq_exec *x, const float *head, int64_t rows, int64_t v0,
                                 int64_t nv, float *logits, vq_err *e)
{
    assert(v0 >= 0 && nv >= 0 && v0 + nv <= x->graph->vocab);
    vq_linear l;
    vq_quantize q;
    VQ_TRY(vq_lm_head_find(x, &l, e));
    const float *in = head;
    if (vq_quantize_of(x, &l, &q)) {
        float *coded = VQ_ALLOC(x->arena, float, rows *q.k_out, "quantized input", e);
        if (!coded) return e->status;
        VQ_TRY(vq_quantize_run(x, &q, head, rows, coded, e));
        in = coded;
    }
    VQ_TRY(vq_linear_rows(x, &l, in, rows, v0, nv, logits, nv, e));
    const float cap = vq_logit_cap(x->graph);
    if (cap > 0) vq_softcap_run(logits, rows * nv, cap);
    return VQ_OK;
}

vq_status vq_exec_logits(const vq_exec *x, const float *head, int64_t rows, int64_t v0, int64_t nv,
                         float *logits, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = logits_in_arena(x, head, rows, v0, nv, logits, e);
    vq_arena_rewind(x->arena, mark);
    return status == VQ_OK ? VQ_OK : vq_at(e, "lm_head");
}
