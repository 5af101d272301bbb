/* model_edits.c -- sites of the graph by name for the transforms of a whole model, and what they
 * make of the graph. */
#include "edit/model_edits.h"

#include <string.h>

#include "model/op/attention/rope.h"
#include "model/op/op.h"
#include "model/walk/targets.h"

/* What the callbacks of one pass work on. */
typedef struct pass {
    const vq_graph *graph;
    vq_edited view;
    vq_arena *scratch; /* sites and loaded tensors: until the pass ends */
    vq_residual_site stream;
    const char *no_stream;
    vq_heads_site *heads;
    int nheads;
} pass;

static vq_status load_tensor(void *ctx, const char *name, float **w, int64_t *rows, int64_t *cols,
                             vq_err *e)
{
    const pass *p = ctx;
    vq_tensor t;
    VQ_TRY(vq_edited_load(&p->view, name, p->scratch, &t, w, e));
    *rows = t.shape[0];
    *cols = t.ndim == 2 ? t.shape[1] : 1;
    return VQ_OK;
}

static bool has_tensor(void *ctx, const char *name)
{
    const pass *p = ctx;
    return p->view.source->has(p->view.source->self, name);
}

static vq_residual_linear linear_of(const vq_graph *g, int id, int norm)
{
    const vq_node *n = &g->nodes[id];
    return (vq_residual_linear){.module = n->name,
                                .norm = norm >= 0 ? g->nodes[norm].name : NULL,
                                .n = n->width,
                                .tied = n->tied};
}

static vq_status name_stream(pass *p, vq_arena *names, vq_err *e)
{
    const vq_graph *g = p->graph;
    vq_residual s;
    p->stream.width = vq_record_width(g, 0);
    const vq_status found = vq_residual_find(g, p->scratch, &s, e);
    if (found == VQ_E_INPUT) { /* only some passes need it */
        p->no_stream = vq_arena_text(p->scratch, e, "%s", e->text);
        return p->no_stream ? VQ_OK : e->status;
    }
    if (found != VQ_OK) return found;
    const char **norms = VQ_ALLOC(p->scratch, const char *, s.nnorms, "residual stream", e);
    vq_residual_linear *linears = norms ? VQ_ALLOC(p->scratch, vq_residual_linear,
                                                   s.nwriters + s.nreaders, "residual stream", e)
                                        : NULL;
    const char *embedding =
        linears ? vq_arena_text(names, e, "%s.weight", g->nodes[s.embedding].name) : NULL;
    if (!embedding) return VQ_E_LIMIT;
    for (int i = 0; i < s.nnorms; i++) norms[i] = g->nodes[s.norms[i]].name;
    for (int i = 0; i < s.nwriters; i++) linears[i] = linear_of(g, s.writers[i], -1);
    for (int i = 0; i < s.nreaders; i++)
        linears[s.nwriters + i] = linear_of(g, s.readers[i].linear, s.readers[i].norm);
    p->stream = (vq_residual_site){.absmax = p->stream.absmax,
                                   .square = p->stream.square,
                                   .width = vq_record_width(g, 0),
                                   .embedding = embedding,
                                   .norms = norms,
                                   .nnorms = s.nnorms,
                                   .writers = linears,
                                   .nwriters = s.nwriters,
                                   .readers = linears + s.nwriters,
                                   .nreaders = s.nreaders};
    return VQ_OK;
}

static const char *name_or_null(const vq_graph *g, int id)
{
    return id >= 0 ? g->nodes[id].name : NULL;
}

static vq_row_range rows_of(const vq_graph *g, int linear, int64_t first, int64_t n)
{
    const int64_t of = g->nodes[linear].width;
    if (of == n) return (vq_row_range){.of = 0};
    return (vq_row_range){first, of};
}

/* Channels of a head that rope turns. */
static void name_turned(const vq_graph *g, const vq_heads *h, vq_heads_site *site)
{
    if (!site->rope) return;
    const vq_rope *rope = g->nodes[h->k_rope].args;
    site->turned_first = rope->first;
    site->turned = 2 * rope->table->half;
}

static void name_rows(const vq_graph *g, const vq_heads *h, vq_heads_site *site)
{
    const int64_t q = site->heads * site->head_dim, k = site->kv_heads * site->head_dim;
    site->q_rows = rows_of(g, h->q, h->q_row, q);
    site->k_rows = rows_of(g, h->k, h->k_row, k);
    site->v_rows = rows_of(g, h->v, h->v_row, k);
    site->whole_norms = h->k_norm >= 0 && g->nodes[h->k_norm].op->rows == VQ_ROW_RMS;
    name_turned(g, h, site);
}

static vq_status name_heads(pass *p, vq_err *e)
{
    const vq_graph *g = p->graph;
    vq_heads *found;
    VQ_TRY(vq_heads_find(g, p->scratch, &found, &p->nheads, e));
    p->heads = VQ_ALLOC(p->scratch, vq_heads_site, p->nheads, "attention heads", e);
    if (!p->heads) return VQ_E_LIMIT;
    for (int i = 0; i < p->nheads; i++) {
        const vq_heads *h = &found[i];
        const vq_node *n = &g->nodes[h->attention];
        const char **outputs =
            VQ_ALLOC(p->scratch, const char *, h->noutputs, "attention heads", e);
        if (!outputs) return VQ_E_LIMIT;
        for (int j = 0; j < h->noutputs; j++) outputs[j] = g->nodes[h->outputs[j]].name;
        p->heads[i] = (vq_heads_site){.layer = n->layer,
                                      .q = g->nodes[h->q].name,
                                      .k = g->nodes[h->k].name,
                                      .v = g->nodes[h->v].name,
                                      .q_norm = name_or_null(g, h->q_norm),
                                      .k_norm = name_or_null(g, h->k_norm),
                                      .outputs = outputs,
                                      .noutputs = h->noutputs,
                                      .heads = n->heads,
                                      .kv_heads = n->kv_heads,
                                      .head_dim = n->head_dim,
                                      .rope = h->q_rope >= 0 && h->k_rope >= 0};
        name_rows(g, h, &p->heads[i]);
    }
    return VQ_OK;
}

/* A pass changes nodes: they are the model's own no longer. */
static vq_status own_nodes(vq_model_edits *m, vq_err *e)
{
    vq_node *nodes = VQ_ALLOC(m->edits.arena, vq_node, m->graph.count, "graph nodes", e);
    if (!nodes) return VQ_E_LIMIT;
    memcpy(nodes, m->graph.nodes, (size_t)m->graph.count * sizeof *nodes);
    m->graph.nodes = nodes;
    return VQ_OK;
}

/* The tied head becomes a linear with a matrix of its own. */
static vq_status untie_graph(vq_model_edits *m, vq_err *e)
{
    VQ_TRY(own_nodes(m, e));
    m->graph.nodes[m->graph.lm_head].tied = false;
    m->untied = true;
    return VQ_OK;
}

static vq_status order_graph(vq_model_edits *m, const pass *p, int32_t *const *orders, vq_err *e)
{
    vq_heads *found;
    int n;
    VQ_TRY(own_nodes(m, e));
    VQ_TRY(vq_heads_find(p->graph, p->scratch, &found, &n, e));
    for (int i = 0; i < n; i++) {
        const int ropes[] = {found[i].q_rope, found[i].k_rope};
        for (int j = 0; orders[i] && j < 2; j++)
            if (ropes[j] >= 0)
                VQ_TRY(vq_rope_set_orders(&m->graph, ropes[j], orders[i], p->heads[i].kv_heads,
                                          m->edits.arena, e));
    }
    return VQ_OK;
}

static vq_status check_pass(const vq_model_edits *m, const vq_transform *t, const vq_model_job *job,
                            vq_err *e)
{
    if (t->orders_keys && m->ordered)
        return vq_fail(e, VQ_E_RECIPE, "keys are in order already: leave the second pass out");
    if (t->needs && t->needs(job->options) && m->streamed)
        return vq_fail(
            e, VQ_E_RECIPE,
            "it goes by statistics of the residual stream as it is stored: put it before "
            "the pass that changes the stream");
    return t->takes_model ? t->takes_model(job, e) : VQ_OK;
}

static void note_pass(vq_model_edits *m, const vq_transform *t, const vq_option_set *o)
{
    m->ordered |= t->orders_keys;
    m->streamed |= t->changes_stream && t->changes_stream(o);
}

static vq_status find_sites(pass *p, vq_model_job *job, vq_arena *names, vq_err *e)
{
    VQ_TRY(name_stream(p, names, e));
    VQ_TRY(name_heads(p, e));
    job->stream = &p->stream;
    job->no_stream = p->no_stream;
    job->heads = p->heads;
    job->nheads = p->nheads;
    return VQ_OK;
}

static vq_status run_pass(vq_model_edits *m, const vq_transform *t, const vq_option_set *o, pass *p,
                          vq_err *e)
{
    vq_model_job job = {.options = o,
                        .load = load_tensor,
                        .has = has_tensor,
                        .ctx = p,
                        .scratch = p->scratch,
                        .edits = &m->edits};
    VQ_TRY(find_sites(p, &job, m->edits.arena, e));
    VQ_TRY(check_pass(m, t, &job, e));
    VQ_TRY(t->run_model(&job, e));
    note_pass(m, t, o);
    if (job.untie) VQ_TRY(untie_graph(m, e));
    return job.orders ? order_graph(m, p, job.orders, e) : VQ_OK;
}

void vq_model_edits_init(vq_model_edits *m, const vq_graph *g, vq_arena *a)
{
    *m = (vq_model_edits){.graph = *g};
    vq_edits_init(&m->edits, a);
}

vq_status vq_model_edits_check(vq_model_edits *m, const vq_transform *t, const vq_option_set *o,
                               vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    pass p = {.graph = &m->graph, .scratch = scratch};
    vq_model_job job = {.options = o, .scratch = scratch};
    vq_status s = find_sites(&p, &job, scratch, e);
    if (s == VQ_OK) s = check_pass(m, t, &job, e);
    vq_arena_rewind(scratch, mark);
    note_pass(m, t, o);
    return s == VQ_OK ? VQ_OK : vq_at(e, "%s", t->name);
}

vq_status vq_model_edits_pass(vq_model_edits *m, const vq_transform *t, const vq_option_set *o,
                              const vq_source *source, const vq_kernels *kernels,
                              const vq_residual_stats *stream, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    const vq_graph before = m->graph;
    pass p = {.graph = &before, .scratch = scratch};
    p.view =
        (vq_edited){.graph = &before, .source = source, .kernels = kernels, .edits = &m->edits};
    if (stream) {
        p.stream.absmax = stream->absmax;
        p.stream.square = stream->square;
    }
    const vq_status s = run_pass(m, t, o, &p, e);
    vq_arena_rewind(scratch, mark);
    return s == VQ_OK ? VQ_OK : vq_at(e, "%s", t->name);
}
