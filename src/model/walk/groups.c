/* groups.c -- what the graph tells without any table per model: who shares an input, who can absorb
 * its scale. */
#include "model/walk/groups.h"

#include "model/op/op.h"
#include "model/walk/trace.h"

/* The linear that makes an operand of the node and nothing else; *first: its row for channel 0. */
static int linear_behind(const vq_graph *g, int id, int operand, int64_t *first)
{
    const int from = g->nodes[id].in[operand];
    return vq_read_alone(g, from, id) ? vq_linear_of(g, from, first) : -1;
}

/* From the value towards the inputs, as long as the ops pass a channel scale on. */
static void find_producer(const vq_graph *g, vq_linear_group *group)
{
    const vq_node *made = &g->nodes[group->value];
    switch (made->op->absorb) {
    case VQ_ABSORB_NOBODY:
        return;
    case VQ_ABSORB_WEIGHT:
    case VQ_ABSORB_ROWS:
        group->producer = group->value;
        return;
    case VQ_ABSORB_OPERAND:
        break;
    }
    if (made->op->first_channel) { /* the linears read a part of a linear's output */
        group->producer = vq_linear_of(g, group->value, &group->first_row);
        return;
    }
    group->producer = linear_behind(g, group->value, made->op->through, &group->first_row);
    if (made->op->heads == VQ_HEAD_MIX) group->heads = group->value;
    if (!made->op->gate) return;
    group->gate = linear_behind(g, group->value, made->op->gate - 1, &group->gate_row);
    if (group->gate < 0) group->producer = -1; /* an order would not reach both factors */
}

static bool is_qkv(vq_role r)
{
    return r == VQ_ROLE_Q || r == VQ_ROLE_K || r == VQ_ROLE_V;
}

static bool is_gate_up(vq_role r)
{
    return r == VQ_ROLE_GATE || r == VQ_ROLE_UP || r == VQ_ROLE_EXPERT_GATE ||
           r == VQ_ROLE_EXPERT_UP;
}

/* Runtimes store q/k/v and gate/up as one matrix; a router beside them stays by itself. */
static bool is_fused(const vq_graph *g, const vq_linear_group *group)
{
    int qkv = 0, gate_up = 0, count = 0;
    for (int i = 0; i < group->count; i++) {
        count += g->nodes[group->linears[i]].role != VQ_ROLE_ROUTER;
        qkv += is_qkv(g->nodes[group->linears[i]].role);
        gate_up += is_gate_up(g->nodes[group->linears[i]].role);
    }
    return count > 1 && (qkv == count || gate_up == count);
}

static bool in_block(const vq_node *n)
{
    return n->op->linear && n->layer >= 0;
}

/* group_of [nodes]: 1 + group that reads a value. Counts members first, then hands each group its
 * slice of `members`. */
static int number_groups(const vq_graph *g, int *group_of, vq_linear_group *list)
{
    int count = 0;
    for (int id = 0; id < g->count; id++) {
        const vq_node *n = &g->nodes[id];
        if (!in_block(n)) continue;
        int *group = &group_of[n->in[0]];
        if (!*group) {
            list[count] = (vq_linear_group){
                .layer = n->layer, .value = n->in[0], .producer = -1, .heads = -1, .gate = -1};
            *group = ++count;
        }
        list[*group - 1].count++;
    }
    return count;
}

static void fill_groups(const vq_graph *g, const int *group_of, vq_linear_group *list, int n,
                        int *members)
{
    for (int i = 0; i < n; i++) {
        list[i].linears = members;
        members += list[i].count;
        list[i].count = 0;
    }
    for (int id = 0; id < g->count; id++) {
        if (!in_block(&g->nodes[id])) continue;
        vq_linear_group *group = &list[group_of[g->nodes[id].in[0]] - 1];
        ((int *)(uintptr_t)group->linears)[group->count++] = id;
    }
}

vq_status vq_graph_groups(const vq_graph *g, vq_arena *a, vq_linear_group **groups, int *n,
                          vq_err *e)
{
    int linears = 0;
    for (int id = 0; id < g->count; id++) linears += in_block(&g->nodes[id]);
    vq_linear_group *list = VQ_NEW(a, vq_linear_group, linears, "linear groups", e);
    int *members = list ? VQ_ALLOC(a, int, linears, "linear groups", e) : NULL;
    int *group_of = members ? VQ_NEW(a, int, g->count, "linear groups", e) : NULL;
    if (!group_of) return e->status;
    *n = number_groups(g, group_of, list);
    fill_groups(g, group_of, list, *n, members);
    for (int i = 0; i < *n; i++) {
        if (vq_graph_consumers(g, list[i].value, NULL, 0) == list[i].count)
            find_producer(g, &list[i]);
        list[i].fused = is_fused(g, &list[i]);
    }
    *groups = list;
    return VQ_OK;
}

int vq_graph_groups_in(const vq_linear_group *groups, int n, int layer)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += groups[i].layer == layer;
    return count;
}
