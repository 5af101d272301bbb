/* stacked.c -- matrices over the bytes of stacks. */
#include "load/stacked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/op/linear.h"
#include "model/op/op.h"

enum { NAME_ROOM = 1024 };

typedef struct split {
    vq_tensor_set *set;
    vq_arena *arena;
    vq_tensor *views;
    const vq_tensor **stacks; /* [nviews] what each lies in */
    int nviews;
} split;

static const vq_stored_in *stored_in(const vq_node *n)
{
    return n->op == &vq_op_linear ? n->args : NULL;
}

/* Every dimension counts: with two of them exchanged, rows of different experts would mix. */
static vq_status check_stack(const vq_tensor *t, const vq_stored_in *in, const vq_node *n,
                             vq_err *e)
{
    char shape[128], asked[128];
    const int64_t want[] = {in->matrices, in->rows, n->in_width}, *from = want + !in->matrices;
    const int ndim = 3 - !in->matrices;
    if (t->ndim == ndim && memcmp(t->shape, from, (size_t)ndim * sizeof *from) == 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; config.json asks for %s", t->name,
                   vq_shape_text(t->shape, t->ndim, shape, sizeof shape),
                   vq_shape_text(from, ndim, asked, sizeof asked));
}

static int64_t rows_of(const vq_stored_in *in)
{
    return in->matrices ? in->matrices * in->rows : in->rows;
}

static vq_status add_view(split *s, const vq_node *n, const vq_tensor *stack, vq_err *e)
{
    const vq_stored_in *in = stored_in(n);
    vq_tensor *view = &s->views[s->nviews];
    VQ_TRY(check_stack(stack, in, n, e));
    const size_t row = stack->bytes / (size_t)rows_of(in);
    *view = (vq_tensor){.name = vq_arena_text(s->arena, e, "%s.weight", n->name),
                        .dtype = stack->dtype,
                        .ndim = 2,
                        .shape = {n->width, n->in_width},
                        .data = (const char *)stack->data + row * (size_t)in->first,
                        .bytes = row * (size_t)n->width};
    s->stacks[s->nviews++] = stack;
    return view->name ? VQ_OK : e->status;
}

static vq_status look_at(split *s, const vq_node *n, vq_err *e)
{
    char name[NAME_ROOM];
    const vq_stored_in *in = stored_in(n);
    if (!in) return VQ_OK;
    if (in->beyond && vq_tensor_set_find(s->set, in->beyond))
        return vq_fail(e, VQ_E_INPUT, "%s: config.json has fewer experts than the checkpoint",
                       in->beyond);
    (void)snprintf(name, sizeof name, "%s.weight", n->name);
    const vq_tensor *stack = in->tensor ? vq_tensor_set_find(s->set, in->tensor) : NULL;
    if (!stack) return VQ_OK;
    if (vq_tensor_set_find(s->set, name))
        return vq_fail(e, VQ_E_INPUT, "%s and %s are both there and hold the same weights", name,
                       stack->name);
    return add_view(s, n, stack, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vq_tensor *const *)a)->name, (*(vq_tensor *const *)b)->name);
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t) * (const vq_tensor *const *)a,
                    y = (uintptr_t) * (const vq_tensor *const *)b;
    return (x > y) - (x < y);
}

/* The list of tensors anew: views instead of stacks. */
static vq_status replace_stacks(split *s, vq_err *e)
{
    const size_t most = s->set->count + (size_t)s->nviews;
    vq_tensor **list = VQ_ALLOC(s->arena, vq_tensor *, most, "tensor list", e);
    size_t n = 0;
    if (!list) return e->status;
    qsort(s->stacks, (size_t)s->nviews, sizeof(vq_tensor *), by_address);
    for (size_t i = 0; i < s->set->count; i++) {
        vq_tensor *t = s->set->sorted[i];
        if (!bsearch(&t, s->stacks, (size_t)s->nviews, sizeof(vq_tensor *), by_address))
            list[n++] = t;
    }
    for (int i = 0; i < s->nviews; i++) list[n++] = &s->views[i];
    qsort(list, n, sizeof(vq_tensor *), by_name);
    s->set->sorted = list;
    s->set->count = n;
    return VQ_OK;
}

vq_status vq_stacked_split(vq_checkpoint *c, const vq_graph *g, vq_arena *a, vq_err *e)
{
    int most = 0;
    for (int id = 0; id < g->count; id++) most += stored_in(&g->nodes[id]) != NULL;
    split s = {.set = &c->weights, .arena = a};
    if (most == 0) return VQ_OK;
    s.views = VQ_ALLOC(a, vq_tensor, most, "tensor list", e);
    s.stacks = s.views ? VQ_ALLOC(a, const vq_tensor *, most, "tensor list", e) : NULL;
    if (!s.stacks) return e->status;
    for (int id = 0; id < g->count; id++)
        if (look_at(&s, &g->nodes[id], e) != VQ_OK) return vq_at(e, "%s", c->path);
    return s.nviews ? replace_stacks(&s, e) : VQ_OK;
}
