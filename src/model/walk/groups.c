/* groups.c -- what the graph tells without any table per model: who reads a value, who shares an
 * input, who can absorb its scale. */
#include "model/graph.h"

int vq_graph_consumers(const vq_graph *g, int value, int *nodes, int max)
{
    int found = 0;
    const int last_layer =
        g->nodes[value].layer +
        1; /* a value lives in its own part and, when it is the part's last, in the next */
    for (int id = value + 1; id < g->count && g->nodes[id].layer <= last_layer; id++) {
        bool reads = false;
        for (int i = 0; i < g->nodes[id].nin; i++) reads = reads || g->nodes[id].in[i] == value;
        if (reads && found < max) nodes[found] = id;
        found += reads;
    }
    return found;
}

static bool read_by_one(const vq_graph *g, int value)
{
    return vq_graph_consumers(g, value, NULL, 0) == 1;
}

/* The linear that makes operand `operand` of node id, when nothing else reads it. */
static int linear_behind(const vq_graph *g, int id, int operand)
{
    const int from = g->nodes[id].in[operand];
    return g->nodes[from].op == VQ_OP_LINEAR && read_by_one(g, from) ? from : -1;
}

static int producer_of(const vq_graph *g, int value)
{
    switch (g->nodes[value].op) {
    case VQ_OP_RMS_NORM:
    case VQ_OP_LINEAR:
        return value;
    case VQ_OP_SILU_MUL:
        return linear_behind(g, value, 1); /* silu(gate) * up is linear in up */
    case VQ_OP_ATTENTION:
        return linear_behind(g, value, 2); /* softmax(q k) v is linear in v */
    default:
        return -1;
    }
}

static bool is_qkv(vq_role r)
{
    return r == VQ_ROLE_Q || r == VQ_ROLE_K || r == VQ_ROLE_V;
}

static bool is_gate_up(vq_role r)
{
    return r == VQ_ROLE_GATE || r == VQ_ROLE_UP;
}

/* Runtimes store q/k/v and gate/up as one matrix. */
static bool is_fused(const vq_graph *g, const vq_linear_group *group)
{
    int qkv = 0, gate_up = 0;
    for (int i = 0; i < group->count; i++) {
        qkv += is_qkv(g->nodes[group->linears[i]].role);
        gate_up += is_gate_up(g->nodes[group->linears[i]].role);
    }
    return group->count > 1 && (qkv == group->count || gate_up == group->count);
}

static vq_linear_group *group_with(vq_linear_group *groups, int n, int value)
{
    for (int i = n - 1; i >= 0; i--)
        if (groups[i].value == value && groups[i].count < 8) return &groups[i];
    return NULL;
}

vq_status vq_graph_groups(const vq_graph *g, vq_arena *a, vq_linear_group **groups, int *n,
                          vq_err *e)
{
    int linears = 0;
    for (int id = 0; id < g->count; id++)
        linears += g->nodes[id].op == VQ_OP_LINEAR && g->nodes[id].layer >= 0;
    vq_linear_group *list = VQ_NEW(a, vq_linear_group, linears, "linear groups", e);
    if (!list) return e->status;
    int count = 0;
    for (int id = 0; id < g->count; id++) {
        const vq_node *node = &g->nodes[id];
        if (node->op != VQ_OP_LINEAR || node->layer < 0) continue;
        vq_linear_group *group = group_with(list, count, node->in[0]);
        if (!group) {
            group = &list[count++];
            *group = (vq_linear_group){.layer = node->layer, .value = node->in[0]};
        }
        group->linears[group->count++] = id;
    }
    for (int i = 0; i < count; i++) {
        const bool alone = vq_graph_consumers(g, list[i].value, NULL, 0) == list[i].count;
        list[i].producer = alone ? producer_of(g, list[i].value) : -1;
        list[i].fused = is_fused(g, &list[i]);
    }
    *groups = list;
    *n = count;
    return VQ_OK;
}

int vq_graph_groups_in(const vq_linear_group *groups, int n, int layer)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += groups[i].layer == layer;
    return count;
}
