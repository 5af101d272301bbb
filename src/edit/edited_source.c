/* edited_source.c -- an overlay that follows whoever walks over the parts of the graph. */
#include "edit/edited_source.h"

#include <string.h>

/* Is `name` the node's own (a norm, a module) or its weight or bias? */
static bool names_node(const char *name, const vq_node *n)
{
    const size_t len = strlen(n->name);
    if (len == 0 || strncmp(name, n->name, len) != 0) return false;
    return name[len] == '\0' || strcmp(name + len, ".weight") == 0 ||
           strcmp(name + len, ".bias") == 0;
}

static bool is_tied(const vq_graph *g)
{
    return g->nodes[g->count - 1].tied;
}

/* A tied head reads the embedding: the two are one part. -1: no tensor of the graph. */
static int part_of(const vq_graph *g, const char *name)
{
    for (int part = 0; part <= g->layers + 1; part++)
        for (int id = g->parts[part].first; id < vq_graph_end(g, part); id++)
            if (names_node(name, &g->nodes[id]))
                return part == g->layers + 1 && is_tied(g) ? 0 : part;
    return -1;
}

static vq_status show(vq_edited_source *s, const char *name, vq_err *e)
{
    const vq_graph *g = s->edits.graph;
    const int part = part_of(g, name);
    if (part < 0 || part == s->view) return VQ_OK;
    vq_budget *budget = s->values.budget;
    s->view = -1;
    vq_overlay_clear(&s->overlay);
    vq_arena_done(&s->values);
    vq_arena_init(&s->values, budget);
    VQ_TRY(vq_edited_part(&s->edits, part, false, &s->overlay, &s->values, e));
    if (part == 0 && is_tied(g))
        VQ_TRY(vq_edited_part(&s->edits, g->layers + 1, false, &s->overlay, &s->values, e));
    s->view = part;
    return VQ_OK;
}

static vq_status get_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    vq_edited_source *s = self;
    VQ_TRY(show(s, name, e));
    return s->overlay.source.tensor(&s->overlay, name, out, e);
}

/* Edits may name biases that the model lacks, and an untied head that is stored under another name.
 */
static bool has_tensor(void *self, const char *name)
{
    const vq_edited *d = &((const vq_edited_source *)self)->edits;
    vq_tensor stored;
    vq_err ignored;
    if (d->source->has(d->source->self, name)) return true;
    return vq_edits_touch(d->edits, name) && vq_edited_stored(d, name, &stored, &ignored) == VQ_OK;
}

static vq_status get_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                            vq_err *e)
{
    vq_edited_source *s = self;
    VQ_TRY(show(s, module, e));
    return s->overlay.source.linear(&s->overlay, module, n, k, out, e);
}

static vq_status get_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                          vq_qtensor *out, vq_arena *a, vq_err *e)
{
    vq_edited_source *s = self;
    return s->edits.source->rows(s->edits.source->self, l, r0, count, out, a, e);
}

/* Most tensors that one part has: weight and bias of every node. */
static int room_of(const vq_graph *g)
{
    int most = 0;
    for (int part = 0; part <= g->layers + 1; part++) {
        const int nodes = vq_graph_end(g, part) - g->parts[part].first;
        if (nodes > most) most = nodes;
    }
    return 4 * most; /* embedding and head may be one part */
}

vq_status vq_edited_source_init(vq_edited_source *s, const vq_edited *d, vq_arena *a, vq_err *e)
{
    *s = (vq_edited_source){.edits = *d, .view = -1};
    s->source = (vq_source){
        .self = s, .tensor = get_tensor, .has = has_tensor, .linear = get_linear, .rows = get_rows};
    vq_arena_init(&s->values, a->budget);
    return vq_overlay_init(&s->overlay, d->source, room_of(d->graph), a, e);
}

void vq_edited_source_done(vq_edited_source *s)
{
    vq_arena_done(&s->values);
}
