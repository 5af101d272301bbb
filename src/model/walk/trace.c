/* trace.c -- who reads a value, and which rows of which linear make it. */
#include "model/walk/trace.h"

#include "model/op/op.h"

/* The columns that two nodes cut out of the same value. */
static bool overlap(const vq_node *a, const vq_node *b)
{
    const int64_t from = a->op->first_channel(a), other = b->op->first_channel(b);
    return from < other + b->width && other < from + a->width;
}

static int operands(const vq_node *n, int value)
{
    int count = 0;
    for (int i = 0; i < n->nin; i++) count += n->in[i] == value;
    return count;
}

bool vq_read_alone(const vq_graph *g, int value, int reader)
{
    enum { MOST = 8 };
    int readers[MOST];
    const int n = vq_graph_consumers(g, value, readers, MOST);
    const vq_node *one = &g->nodes[reader];
    if (operands(one, value) != 1) return false;
    if (!one->op->first_channel) return n == 1;
    if (n > MOST) return false;
    for (int i = 0; i < n; i++) {
        const vq_node *other = &g->nodes[readers[i]];
        if (readers[i] == reader) continue;
        if (!other->op->first_channel || overlap(one, other)) return false;
    }
    return true;
}

int vq_linear_of(const vq_graph *g, int value, int64_t *first)
{
    *first = 0;
    while (g->nodes[value].op->first_channel) {
        const vq_node *cut = &g->nodes[value];
        *first += cut->op->first_channel(cut);
        if (!vq_read_alone(g, cut->in[0], value)) return -1;
        value = cut->in[0];
    }
    return g->nodes[value].op->linear ? value : -1;
}
