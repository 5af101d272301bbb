/* back_plan.c -- lifetimes over both directions: node i of n runs forwards at moment i, the loss is
 * at n, node i runs backwards at 2n - i. */
#include "model/exec/back_plan.h"

#include <assert.h>
#include <limits.h>

static int backwards_at(const vq_back_plan *p, int id)
{
    return 2 * (p->end - p->first) - (id - p->first);
}

static bool reads(const vq_node *n, int value)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] == value) return true;
    return false;
}

/* Last moment at which a value is read. */
static int value_until(const vq_back_plan *p, const vq_graph *g, int value)
{
    if (value == p->end - 1) return p->end - p->first;
    int until = value - p->first;
    for (int id = p->end - 1; id > value; id--) {
        if (!reads(&g->nodes[id], value)) continue;
        const int at = vq_op_of(g->nodes[id].op)->back_reads ? backwards_at(p, id) : id - p->first;
        if (at > until) until = at;
    }
    return until;
}

static bool may_take_over(const vq_graph *g, const vq_node *n)
{
    return vq_op_of(n->op)->in_place && n->nin > 0 && g->nodes[n->in[0]].width == n->width;
}

/* The part's input stays the caller's; buffers of values that end here can be taken over. */
static void place_value(vq_back_plan *p, const vq_graph *g, int id)
{
    const vq_node *n = &g->nodes[id];
    const int now = id - p->first, until = value_until(p, g, id);
    if (may_take_over(g, n) && n->in[0] >= p->first && value_until(p, g, n->in[0]) == now) {
        p->value[now] = p->value[n->in[0] - p->first];
        p->buffers.until[p->value[now]] = until;
        return;
    }
    p->value[now] = vq_buffers_take(&p->buffers, now, until, n->width);
}

bool vq_back_begun(const vq_graph *g, int end, int id, int i)
{
    const int value = g->nodes[id].in[i];
    for (int later = id + 1; later < end; later++)
        if (reads(&g->nodes[later], value)) return true;
    for (int other = 0; other < i; other++)
        if (g->nodes[id].in[other] == value) return true;
    return false;
}

static void place_grads(vq_back_plan *p, const vq_graph *g, int id)
{
    const vq_node *n = &g->nodes[id];
    const int now = backwards_at(p, id);
    for (int i = 0; i < n->nin; i++) {
        if (vq_back_begun(g, p->end, id, i)) continue;
        const int value = n->in[i], until = value < p->first ? INT_MAX : backwards_at(p, value);
        int *buffer = &p->grad[value - p->first + 1];
        if (i == 0 && may_take_over(g, n)) {
            *buffer = p->grad[id - p->first + 1];
            p->buffers.until[*buffer] = until;
        } else {
            *buffer = vq_buffers_take(&p->buffers, now, until, g->nodes[value].width);
        }
    }
}

void vq_back_plan_part(vq_back_plan *p, const vq_graph *g, int part)
{
    *p = (vq_back_plan){
        .first = g->first[part], .end = vq_graph_end(g, part), .buffers = {.count = 1}};
    const int nodes = p->end - p->first;
    assert(part > 0 && nodes <= VQ_PART_NODES);
    p->buffers.width[0] = g->hidden;
    for (int id = p->first; id < p->end; id++) place_value(p, g, id);
    p->grad[nodes] = 0;
    for (int id = p->end - 1; id >= p->first; id--) place_grads(p, g, id);
}
