/* edited.c -- load, edit, round: what a tensor of the model is after the transforms so far. */
#include "edit/edited.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "load/weights.h"
#include "model/op/op.h"

static bool text_is(const char *name, const char *module, const char *suffix)
{
    const size_t n = strlen(module);
    return strncmp(name, module, n) == 0 && strcmp(name + n, suffix) == 0;
}

vq_status vq_edited_stored(const vq_edited *d, const char *name, vq_tensor *t, vq_err *e)
{
    const vq_graph *g = d->graph;
    const vq_node *head = &g->nodes[g->lm_head];
    char embedding[VQ_PARAM_NAME];
    if (!d->source->has(d->source->self, name) && text_is(name, head->name, ".weight")) {
        (void)snprintf(embedding, sizeof embedding, "%s.weight", g->nodes[g->embedding].name);
        name = embedding;
    }
    return d->source->tensor(d->source->self, name, t, e);
}

/* Is this the weight of a norm that multiplies with 1 + weight (Gemma)? Edits work on 1 + weight;
 * the 1 is added when the tensor is loaded and taken off again before it is stored. */
static bool is_plus_one(const vq_graph *g, const char *name)
{
    const int id = vq_graph_find(g, name);
    vq_param params[VQ_OP_PARAMS];
    return id >= 0 && vq_op_params(&g->nodes[id], params) == 1 && params[0].plus_one;
}

static vq_status check_kind(const vq_tensor *t, vq_err *e)
{
    if (t->dtype != VQ_F32 && t->dtype != VQ_F16 && t->dtype != VQ_BF16)
        return vq_fail(e, VQ_E_INPUT, "%s is %s; a transform changes F32, F16 and BF16 only",
                       t->name, vq_dtype_name(t->dtype));
    if (t->ndim == 1 || t->ndim == 2) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s has %d dimensions; a transform changes vectors and matrices only", t->name,
                   t->ndim);
}

vq_status vq_edited_load(const vq_edited *d, const char *name, vq_arena *a, vq_tensor *t, float **w,
                         vq_err *e)
{
    VQ_TRY(vq_edited_stored(d, name, t, e));
    VQ_TRY(check_kind(t, e));
    vq_tensor matrix = *t;
    if (t->ndim == 1) {
        matrix.shape[0] = 1;
        matrix.shape[1] = t->shape[0];
    }
    *w = VQ_ALLOC(a, float, vq_tensor_numel(t), name, e);
    if (!*w) return VQ_E_LIMIT;
    VQ_TRY(vq_weights_load(d->kernels, &matrix, NULL, *w, e));
    if (is_plus_one(d->graph, name))
        for (int64_t i = 0; i < vq_tensor_numel(t); i++) (*w)[i] += 1;
    return vq_edits_run(d->edits, name, *w, t->shape[0], t->ndim == 2 ? t->shape[1] : 1, a, e);
}

vq_status vq_round_like(vq_dtype t, float *x, int64_t n, vq_err *e)
{
    int64_t bad = n;
    if (t == VQ_F32) return VQ_OK;
#pragma omp parallel for schedule(static) reduction(min : bad) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++) {
        x[i] = vq_round_to(t, x[i]);
        if (!isfinite(x[i]) && i < bad) bad = i;
    }
    if (bad == n) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC,
                   "value %lld is beyond %s after the transforms: leave this tensor out of them",
                   (long long)bad, vq_dtype_name(t));
}

/* The name of the tensor as the edits hold it: it lives as long as they do, `name` may not. NULL:
 * no edit touches this tensor. */
static const char *touched_name(const vq_edits *edits, const char *name)
{
    for (int i = 0; i < edits->count; i++)
        if (strcmp(edits->list[i].tensor, name) == 0) return edits->list[i].tensor;
    return NULL;
}

static vq_status overlay_tensor(const vq_edited *d, const char *any_name, bool as_stored,
                                vq_overlay *o, vq_arena *a, vq_err *e)
{
    const char *name = touched_name(d->edits, any_name);
    vq_tensor t;
    float *w;
    if (!name) return VQ_OK;
    VQ_TRY(vq_edited_load(d, name, a, &t, &w, e));
    if (is_plus_one(d->graph, name))
        for (int64_t i = 0; i < vq_tensor_numel(&t); i++) w[i] -= 1;
    if (as_stored && vq_round_like(t.dtype, w, vq_tensor_numel(&t), e) != VQ_OK)
        return vq_at(e, "%s", name);
    return vq_overlay_dense(o, name, w, t.shape, t.ndim, e);
}

static vq_status overlay_node(const vq_edited *d, const vq_node *n, bool as_stored, vq_overlay *o,
                              vq_arena *a, vq_err *e)
{
    vq_param params[VQ_OP_PARAMS];
    char name[VQ_PARAM_NAME];
    const int count = vq_op_params(n, params);
    for (int i = 0; i < count; i++)
        VQ_TRY(overlay_tensor(d, vq_param_name(&params[i], name), as_stored, o, a, e));
    return VQ_OK;
}

vq_status vq_edited_part(const vq_edited *d, int part, bool as_stored, vq_overlay *o, vq_arena *a,
                         vq_err *e)
{
    const vq_graph *g = d->graph;
    for (int id = g->parts[part].first; id < vq_graph_end(g, part); id++)
        VQ_TRY(overlay_node(d, &g->nodes[id], as_stored, o, a, e));
    return VQ_OK;
}

vq_status vq_edited_whole(const vq_edited *d, bool as_stored, vq_overlay *o, vq_arena *a, vq_err *e)
{
    for (int part = 0; part <= d->graph->layers + 1; part++)
        VQ_TRY(vq_edited_part(d, part, as_stored, o, a, e));
    return VQ_OK;
}
