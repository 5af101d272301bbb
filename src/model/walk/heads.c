/* heads.c -- the linears around each attention. */
#include "model/walk/targets.h"

#include "model/op/op.h"
#include "model/walk/trace.h"

/* A norm goes along with an order inside heads: of each head, or of the whole row. */
static bool is_norm(const vq_node *n)
{
    return n->op->heads == VQ_HEAD_NORM || n->op->rows == VQ_ROW_RMS;
}

/* The linear behind an operand, through rope and norm, and its row for channel 0; -1 when something
 * else makes it or reads it on the way. */
static int linear_behind(const vq_graph *g, int reader, int operand, int64_t *row, int *norm,
                         int *rope)
{
    int value = g->nodes[reader].in[operand];
    while (vq_read_alone(g, value, reader)) {
        const vq_node *n = &g->nodes[value];
        if (n->op->linear || n->op->first_channel) return vq_linear_of(g, value, row);
        if (n->op->heads == VQ_HEAD_TURN && rope && *rope < 0 && *norm < 0)
            *rope = value;
        else if (is_norm(n) && norm && *norm < 0)
            *norm = value;
        else
            return -1;
        reader = value;
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
    if (n->op->heads != VQ_HEAD_MIX || n->width != n->heads * n->head_dim) return false;
    h->q = linear_behind(g, id, 0, &h->q_row, &h->q_norm, &h->q_rope);
    h->k = linear_behind(g, id, 1, &h->k_row, &h->k_norm, &h->k_rope);
    h->v = linear_behind(g, id, 2, &h->v_row, NULL, NULL);
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
