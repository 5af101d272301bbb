/* inspect_roles.c -- stored tensors, summed up by role and by how they are stored. */
#include "run/inspect/inspect_roles.h"

#include <stdio.h>
#include <string.h>

#include "plan/names.h"

typedef struct summing {
    const vq_model *model;
    vq_role_sum *list;
    size_t count, room;
    vq_arena *a;
} summing;

/* NULL: no memory. */
static vq_role_sum *row(summing *s, const char *role, const char *stored, vq_err *e)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->list[i].role, role) == 0 && strcmp(s->list[i].stored, stored) == 0)
            return &s->list[i];
    if (s->count == s->room) {
        vq_role_sum *more = vq_arena_more(s->a, s->list, &s->room, sizeof *more, "sums by role", e);
        if (!more) return NULL;
        s->list = more;
    }
    vq_role_sum *one = &s->list[s->count++];
    *one = (vq_role_sum){.role = role};
    (void)snprintf(one->stored, sizeof one->stored, "%s", stored);
    return one;
}

/* Without a graph the name of a matrix says what it is. */
static vq_role role_of(const vq_model *m, const char *module, const vq_tensor *t)
{
    const int node = m->arch ? vq_graph_find(&m->graph, module) : -1;
    if (node >= 0) return m->graph.nodes[node].role;
    if (t->ndim == 1 && strstr(module, "norm")) return VQ_ROLE_NORM;
    return m->arch || t->ndim != 2 ? VQ_ROLE_OTHER : vq_name_role(module, t, 0);
}

/* Scales and the like lie beside the one tensor of a linear that counts. */
static bool is_weight(const char *suffix)
{
    return strcmp(suffix, ".weight") == 0 || strcmp(suffix, ".weight_packed") == 0;
}

static vq_status add_tensor(summing *s, const vq_tensor *t, vq_err *e)
{
    const vq_source *src = &s->model->checkpoint.source;
    const char *dot = strrchr(t->name, '.');
    char module[1024], stored[16];
    vq_linear l;
    vq_err quiet;
    (void)snprintf(module, sizeof module, "%.*s", (int)(dot ? dot - t->name : 0), t->name);
    const bool packed = s->model->checkpoint.config.quantized && dot &&
                        src->linear(src->self, module, 0, 0, &l, &quiet) == VQ_OK && l.quantized;
    const char *how =
        packed ? vq_grid_name(&l.scheme.weight.grid, stored) : vq_dtype_name(t->dtype);
    vq_role_sum *sum = row(s, vq_role_name(role_of(s->model, dot ? module : t->name, t)), how, e);
    if (!sum) return e->status;
    sum->bytes += t->bytes;
    if (packed && !is_weight(dot)) return VQ_OK;
    sum->tensors++;
    sum->parameters += packed ? (uint64_t)(l.n * l.k) : (uint64_t)vq_tensor_numel(t);
    return VQ_OK;
}

vq_status vq_inspect_roles(vq_model_description *d, const vq_model *m, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *set = &m->checkpoint.weights;
    summing s = {.model = m, .a = a};
    for (size_t i = 0; i < set->count; i++) VQ_TRY(add_tensor(&s, set->sorted[i], e));
    vq_role_sum *sorted = VQ_ALLOC(a, vq_role_sum, s.count, "sums by role", e);
    if (!sorted) return e->status;
    for (int role = 0; role <= VQ_ROLE_OTHER; role++)
        for (size_t i = 0; i < s.count; i++)
            if (strcmp(s.list[i].role, vq_role_name((vq_role)role)) == 0)
                sorted[d->nroles++] = s.list[i];
    d->roles = sorted;
    return VQ_OK;
}
