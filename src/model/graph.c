/* graph.c -- the list of nodes that a builder fills, the records between its parts, and the names of
 * roles. */
#include "model/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *vq_role_name(vq_role r)
{
    static const char *const names[] = {
        "embed",      "lm_head",  "norm",     "attn.q",   "attn.k",      "attn.v",
        "attn.qkv",   "attn.o",   "mlp.gate", "mlp.up",   "mlp.gate_up", "mlp.down",
        "moe.router", "moe.gate", "moe.up",   "moe.down", "other"};
    return names[r];
}

vq_status vq_graph_start(vq_graph *g, const char *arch, int layers, vq_arena *a, vq_err *e)
{
    *g = (vq_graph){.arch = arch, .layers = layers, .embedding = -1, .lm_head = -1};
    g->parts = VQ_NEW(a, vq_part, layers + 2, "graph parts", e);
    return g->parts ? VQ_OK : e->status;
}

void vq_graph_part(vq_graph *g, int part)
{
    assert(part >= 0 && part <= g->layers + 1);
    if (part > 0) g->parts[part - 1].end = g->count;
    g->parts[part].first = g->count;
}

static vq_status grow(vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_node *nodes = vq_arena_more(a, g->nodes, &g->room, sizeof *nodes, "graph nodes", e);
    if (!nodes) return e->status;
    g->nodes = nodes;
    return VQ_OK;
}

int vq_graph_add(vq_graph *g, const vq_node *n, vq_arena *a, vq_err *e)
{
    for (int i = 0; i < n->nin; i++) assert(n->in[i] >= 0 && n->in[i] < g->count);
    if ((size_t)g->count == g->room && grow(g, a, e) != VQ_OK) return -1;
    g->nodes[g->count] = *n;
    return g->count++;
}

vq_status vq_graph_carry(vq_graph *g, int part, const int *values, int n, vq_arena *a, vq_err *e)
{
    int *carry = VQ_ALLOC(a, int, n, "graph parts", e);
    if (!carry) return e->status;
    memcpy(carry, values, (size_t)n * sizeof *carry);
    g->parts[part].carry = carry;
    g->parts[part].ncarry = n;
    return VQ_OK;
}

static int by_node_name(const void *a, const void *b, void *nodes)
{
    const vq_node *of = nodes;
    return strcmp(of[*(const int *)a].name, of[*(const int *)b].name);
}

static vq_status index_names(vq_graph *g, vq_arena *a, vq_err *e)
{
    int *ids = VQ_ALLOC(a, int, g->count, "names of a graph", e);
    if (!ids) return e->status;
    for (int id = 0; id < g->count; id++)
        if (g->nodes[id].name[0]) ids[g->named++] = id;
    qsort_r(ids, (size_t)g->named, sizeof *ids, by_node_name, g->nodes);
    g->by_name = ids;
    return VQ_OK;
}

vq_status vq_graph_finish(vq_graph *g, vq_arena *a, vq_err *e)
{
    g->parts[g->layers + 1].end = g->count;
    for (int part = 0; part <= g->layers + 1; part++) {
        const int last = g->parts[part].end - 1;
        if (g->parts[part].ncarry == 0) VQ_TRY(vq_graph_carry(g, part, &last, 1, a, e));
    }
    return index_names(g, a, e);
}

int vq_graph_find(const vq_graph *g, const char *name)
{
    for (int low = 0, high = g->named; low < high;) {
        const int middle = low + (high - low) / 2, id = g->by_name[middle];
        const int order = strcmp(name, g->nodes[id].name);
        if (order == 0) return id;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* Length of "model.layers." in names of block 0. */
static size_t blocks_prefix(const vq_graph *g, const char **name)
{
    for (int id = g->parts[1].first; id < g->parts[1].end; id++) {
        *name = g->nodes[id].name;
        const char *number = strstr(*name, ".0.");
        if (number) return (size_t)(number + 1 - *name);
    }
    return 0;
}

int vq_graph_block_of(const vq_graph *g, const char *name)
{
    const char *blocks;
    const size_t n = blocks_prefix(g, &blocks);
    if (!n || strncmp(name, blocks, n) != 0) return -1;
    const size_t digits = strspn(name + n, "0123456789");
    if (digits == 0 || digits > 9 || name[n + digits] != '.') return -1;
    return (int)strtol(name + n, NULL, 10);
}

int vq_graph_end(const vq_graph *g, int part)
{
    return g->parts[part].end;
}

int64_t vq_value_floats(const vq_graph *g, int value, int64_t sequences, int64_t length)
{
    const vq_node *n = &g->nodes[value];
    return sequences * (n->rows ? n->rows : length) * n->width;
}

int64_t vq_record_floats(const vq_graph *g, int part, int64_t sequences, int64_t length)
{
    const vq_part *p = &g->parts[part];
    int64_t floats = 0;
    for (int i = 0; i < p->ncarry; i++)
        floats += vq_value_floats(g, p->carry[i], sequences, length);
    return floats;
}

int64_t vq_record_most(const vq_graph *g, int64_t sequences, int64_t length)
{
    int64_t most = 0;
    for (int part = 0; part <= g->layers; part++) {
        const int64_t floats = vq_record_floats(g, part, sequences, length);
        if (floats > most) most = floats;
    }
    return most;
}

int64_t vq_record_width(const vq_graph *g, int part)
{
    const vq_part *p = &g->parts[part];
    const vq_node *n = &g->nodes[p->carry[0]];
    return p->ncarry == 1 && n->rows == 0 ? n->width : 0;
}

static bool reads(const vq_node *n, int value)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] == value) return true;
    return false;
}

static int part_of(const vq_graph *g, int id)
{
    const int layer = g->nodes[id].layer;
    return layer >= 0 ? 1 + layer : id < g->parts[0].end ? 0 : g->layers + 1;
}

static bool carries(const vq_part *p, int value)
{
    for (int i = 0; i < p->ncarry; i++)
        if (p->carry[i] == value) return true;
    return false;
}

int vq_graph_consumers(const vq_graph *g, int value, int *nodes, int max)
{
    int found = 0, part = part_of(g, value);
    for (bool lives = true; lives && part <= g->layers + 1; part++) {
        const vq_part *p = &g->parts[part];
        for (int id = p->first > value ? p->first : value + 1; id < p->end; id++) {
            if (!reads(&g->nodes[id], value)) continue;
            if (found < max) nodes[found] = id;
            found++;
        }
        lives = carries(p, value);
    }
    return found;
}
