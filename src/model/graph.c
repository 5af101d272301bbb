/* graph.c -- the list of nodes that a builder fills, and the names of roles. */
#include "model/graph.h"

#include <assert.h>

const char *vq_role_name(vq_role r)
{
    static const char *const names[] = {"embed",  "lm_head",  "norm",   "attn.q",
                                        "attn.k", "attn.v",   "attn.o", "mlp.gate",
                                        "mlp.up", "mlp.down", "other"};
    return names[r];
}

vq_status vq_graph_start(vq_graph *g, const char *arch, int layers, int max_nodes, vq_arena *a,
                         vq_err *e)
{
    *g = (vq_graph){.arch = arch, .layers = layers, .rope_scale = 1};
    g->first = VQ_NEW(a, int, layers + 2, "graph parts", e);
    if (!g->first) return e->status;
    g->nodes = VQ_NEW(a, vq_node, max_nodes, "graph nodes", e);
    return g->nodes ? VQ_OK : e->status;
}

void vq_graph_part(vq_graph *g, int part)
{
    assert(part >= 0 && part <= g->layers + 1);
    g->first[part] = g->count;
}

int vq_graph_add(vq_graph *g, const vq_node *n)
{
    for (int i = 0; i < n->nin; i++) assert(n->in[i] >= 0 && n->in[i] < g->count);
    g->nodes[g->count] = *n;
    return g->count++;
}

int vq_graph_end(const vq_graph *g, int part)
{
    return part <= g->layers ? g->first[part + 1] : g->count;
}
