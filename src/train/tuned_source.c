/* tuned_source.c -- which parameters a model has that cost no bits, and the source that serves
 * their trained values. */
#include "train/tuned_source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/op/dense.h"
#include "model/op/op.h"
#include "model/walk/groups.h"

static const vq_tuned_vector *find_vector(const vq_tuned_source *s, const char *name)
{
    for (int i = 0; i < s->nvectors; i++)
        if (strcmp(s->vectors[i].name, name) == 0) return &s->vectors[i];
    return NULL;
}

static vq_status serve_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    const vq_tuned_source *s = self;
    const vq_tuned_vector *v = find_vector(s, name);
    if (!v) return s->below->tensor(s->below->self, name, out, e);
    *out = v->tensor;
    return VQ_OK;
}

static bool serve_has(void *self, const char *name)
{
    const vq_tuned_source *s = self;
    return s->below->has(s->below->self, name);
}

static int node_of(const vq_graph *g, const char *module)
{
    const int id = vq_graph_find(g, module);
    return id >= 0 && g->nodes[id].op->linear ? id : -1;
}

static vq_status serve_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                              vq_err *e)
{
    const vq_tuned_source *s = self;
    VQ_TRY(s->below->linear(s->below->self, module, n, k, out, e));
    const int node = node_of(s->graph, module);
    if (node >= 0 && s->vector_of[node] >= 0 && out->bias.data)
        out->bias = s->vectors[s->vector_of[node]].tensor;
    return VQ_OK;
}

static vq_status serve_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                            vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const vq_tuned_source *s = self;
    VQ_TRY(s->below->rows(s->below->self, l, r0, count, out, a, e));
    const int node = node_of(s->graph, l->name);
    if (node < 0 || s->factor_of[node] < 0) return VQ_OK;
    const float factor = s->served[s->factor_of[node]];
    out->global_scale =
        out->global_scale_divides ? out->global_scale / factor : out->global_scale * factor;
    return VQ_OK;
}

/* Where a factor can be stored: linears of blocks that have a second-level scale. */
static vq_status takes_factor(const vq_tuned_source *s, int id, bool *yes, vq_err *e)
{
    const vq_node *n = &s->graph->nodes[id];
    vq_linear l;
    *yes = false;
    if (!n->op->linear || n->layer < 0) return VQ_OK;
    VQ_TRY(s->below->linear(s->below->self, n->name, n->width, n->in_width, &l, e));
    *yes = l.quantized && l.scheme.weight.global_scale;
    return VQ_OK;
}

static vq_status number_factors(vq_tuned_source *s, vq_arena *a, vq_err *e)
{
    vq_linear_group *groups;
    int n;
    VQ_TRY(vq_graph_groups(s->graph, a, &groups, &n, e));
    for (int i = 0; i < n; i++) {
        int64_t shared = -1;
        for (int j = 0; j < groups[i].count; j++) {
            const int id = groups[i].linears[j];
            bool yes;
            VQ_TRY(takes_factor(s, id, &yes, e));
            if (!yes) continue;
            if (shared < 0 || !groups[i].fused) shared = s->count++;
            s->factor_of[id] = (int)shared;
        }
    }
    return VQ_OK;
}

/* Vectors that are parameters of a node, in its order; those of lm_head stay as they are. */
static vq_status number_node(vq_tuned_source *s, int id, vq_arena *a, vq_err *e)
{
    const vq_node *n = &s->graph->nodes[id];
    vq_param params[VQ_OP_PARAMS];
    const int count = n->op->linear && n->layer < 0 ? 0 : vq_op_params(n, params);
    for (int i = 0; i < count; i++) {
        if (params[i].ndim != 1) continue;
        vq_tuned_vector *v = &s->vectors[s->nvectors];
        v->name = vq_arena_text(a, e, "%s%s", params[i].module, params[i].suffix);
        if (!v->name) return VQ_E_LIMIT;
        v->first = s->count;
        v->n = params[i].shape[0];
        s->count += v->n;
        if (s->vector_of[id] < 0) s->vector_of[id] = s->nvectors;
        s->nvectors++;
    }
    return VQ_OK;
}

static vq_status number_vectors(vq_tuned_source *s, vq_arena *a, vq_err *e)
{
    s->vectors = VQ_NEW(a, vq_tuned_vector, 2 * s->graph->count, "norms", e);
    if (!s->vectors) return VQ_E_LIMIT;
    for (int id = 0; id < s->graph->count; id++) VQ_TRY(number_node(s, id, a, e));
    return VQ_OK;
}

static void set_units(vq_tuned_source *s, const vq_tuned_vector *v)
{
    double sum = 0;
    for (int64_t i = v->first; i < v->first + v->n; i++) sum += (double)s->p[i] * (double)s->p[i];
    const float unit = (float)sqrt(sum / (double)v->n);
    for (int64_t i = v->first; i < v->first + v->n; i++) s->unit[i] = unit;
}

static vq_status load_vector(vq_tuned_source *s, const vq_exec *x, vq_tuned_vector *v, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    vq_tensor t;
    float *from;
    VQ_TRY(s->below->tensor(s->below->self, v->name, &t, e));
    VQ_TRY(vq_dense_vector(x, &t, v->n, &from, e));
    memcpy(s->p + v->first, from, (size_t)v->n * sizeof *from);
    vq_arena_rewind(x->arena, mark);
    set_units(s, v);
    v->dtype = t.dtype;
    v->tensor = (vq_tensor){.name = v->name,
                            .dtype = VQ_F32,
                            .ndim = 1,
                            .shape = {v->n},
                            .data = s->served + v->first,
                            .bytes = (size_t)v->n * sizeof(float)};
    return VQ_OK;
}

/* Factors stay within 0.5 ... 2, so that one bad step does not leave a useless one. */
static void limit_factors(vq_tuned_source *s)
{
    const float least = 0.5F, most = 2.0F;
    const int64_t first =
        s->nvectors ? s->vectors[s->nvectors - 1].first + s->vectors[s->nvectors - 1].n : 0;
    for (int64_t i = first; i < s->count; i++)
        s->p[i] = s->p[i] < least ? least : s->p[i] > most ? most : s->p[i];
}

void vq_tuned_serve(vq_tuned_source *s)
{
    limit_factors(s);
    memcpy(s->served, s->p, (size_t)s->count * sizeof *s->p);
    for (int i = 0; i < s->nvectors; i++)
        for (int64_t j = s->vectors[i].first; j < s->vectors[i].first + s->vectors[i].n; j++)
            s->served[j] = vq_round_to(s->vectors[i].dtype, s->p[j]);
}

vq_status vq_tuned_open(vq_tuned_source *s, const vq_exec *x, const vq_tune_options *o, vq_arena *a,
                        vq_err *e)
{
    *s = (vq_tuned_source){.below = x->source, .graph = x->graph};
    s->source = (vq_source){.self = s,
                            .tensor = serve_tensor,
                            .has = serve_has,
                            .linear = serve_linear,
                            .rows = serve_rows};
    s->vector_of = VQ_ALLOC(a, int, 2 * x->graph->count, "norms", e);
    if (!s->vector_of) return VQ_E_LIMIT;
    s->factor_of = s->vector_of + x->graph->count;
    for (int i = 0; i < 2 * x->graph->count; i++) s->vector_of[i] = -1;
    if (o->vectors) VQ_TRY(number_vectors(s, a, e));
    if (o->scales) VQ_TRY(number_factors(s, a, e));
    s->p = VQ_ALLOC(a, float, 3 * s->count, "trained parameters", e);
    if (!s->p) return VQ_E_LIMIT;
    s->unit = s->p + s->count, s->served = s->p + 2 * s->count;
    for (int64_t i = 0; i < s->count; i++) s->p[i] = s->unit[i] = 1;
    for (int i = 0; i < s->nvectors; i++) VQ_TRY(load_vector(s, x, &s->vectors[i], e));
    vq_tuned_serve(s);
    return VQ_OK;
}
