/* heads.c -- the linears around each attention. */
#include "model/walk/targets.h"

#include "model/op/op.h"

/* The linear behind an operand, through rope and head norm; -1 when something else makes it or
 * reads it on the way. */
static int linear_behind(const vq_graph *g, int value, int *norm, int *rope)
{
    while (vq_graph_consumers(g, value, NULL, 0) == 1) {
        const vq_node *n = &g->nodes[value];
        if (n->op->linear) return value;
        if (n->op->heads == VQ_HEAD_TURN && rope && *rope < 0 && *norm < 0)
            *rope = value;
        else if (n->op->heads == VQ_HEAD_NORM && norm && *norm < 0)
            *norm = value;
        else
            return -1;
        value = n->in[0];
    }
    return -1;
}

static bool only_linears_read(const vq_graph *g, vq_heads *h)
{
    const int most = (int)(sizeof h->outputs / sizeof h->outputs[0]);
    h->noutputs = vq_graph_consumers(g, h->attention, h->outputs, most);
    if (h->noutputs > most) return false;
    for (int i = 0; i < h->noutputs; i++)
        if (!g->nodes[h->outputs[i]].op->linear) return false;
    return h->noutputs > 0;
}

static bool find_heads(const vq_graph *g, int id, vq_heads *h)
{
    const vq_node *n = &g->nodes[id];
    *h = (vq_heads){.attention = id, .q_norm = -1, .k_norm = -1, .q_rope = -1, .k_rope = -1};
    if (n->op->heads != VQ_HEAD_MIX) return false;
    h->q = linear_behind(g, n->in[0], &h->q_norm, &h->q_rope);
    h->k = linear_behind(g, n->in[1], &h->k_norm, &h->k_rope);
    h->v = linear_behind(g, n->in[2], NULL, NULL);
    return h->q >= 0 && h->k >= 0 && h->v >= 0 && only_linears_read(g, h);
}

vq_status vq_heads_find(const vq_graph *g, vq_arena *a, vq_heads **heads, int *n, vq_err *e)
{
    int count = 0;
    vq_heads one;
    for (int id = 0; id < g->count; id++) count += find_heads(g, id, &one);
    *heads = VQ_ALLOC(a, vq_heads, count, "attention heads", e);
    *n = 0;
    if (!*heads) return VQ_E_LIMIT;
    for (int id = 0; id < g->count; id++)
        if (find_heads(g, id, &one)) (*heads)[(*n)++] = one;
    return VQ_OK;
}
