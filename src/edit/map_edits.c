/* map_edits.c -- an input map as edits of the consumers' columns and of the producer's rows. */
#include "edit/map_edits.h"

#include <math.h>
#include <string.h>

#include "model/op/op.h"

vq_producer vq_producer_of(const vq_graph *g, const vq_linear_group *group)
{
    if (group->producer < 0) return (vq_producer){.kind = VQ_PRODUCER_NONE};
    if (group->heads >= 0) {
        const vq_node *mix = &g->nodes[group->heads];
        return (vq_producer){.kind = VQ_PRODUCER_VALUES,
                             .heads = mix->heads,
                             .kv_heads = mix->kv_heads,
                             .head_dim = mix->width / mix->heads};
    }
    return (vq_producer){.kind = g->nodes[group->producer].op->absorb == VQ_ABSORB_WEIGHT
                                     ? VQ_PRODUCER_NORM
                                     : VQ_PRODUCER_ROWS};
}

/* What one side of a tensor goes through, in this order; NULL and 0: nothing. */
typedef struct change {
    const float *scale;
    const int32_t *order;
    int64_t hadamard;
    int64_t first, of; /* of a side of `of` entries; of 0: the whole side */
} change;

static vq_status add_change(vq_edits *s, const char *tensor, vq_edit_side side, int64_t n,
                            const change *c, vq_err *e)
{
    vq_edit d = {.tensor = tensor,
                 .side = side,
                 .n = n,
                 .first = c->first,
                 .of = c->of,
                 .scale = c->scale,
                 .order = c->order,
                 .block = c->hadamard};
    if (!tensor) return VQ_E_LIMIT;
    d.kind = VQ_EDIT_SCALE;
    if (c->scale) VQ_TRY(vq_edits_add(s, &d, e));
    d.kind = VQ_EDIT_GATHER;
    if (c->order) VQ_TRY(vq_edits_add(s, &d, e));
    d.kind = VQ_EDIT_HADAMARD;
    return c->hadamard ? vq_edits_add(s, &d, e) : VQ_OK;
}

/* Rows [first, first + n) of a linear, and their biases. */
static vq_status change_rows(vq_edits *s, const vq_node *node, int64_t first, int64_t n,
                             const change *c, vq_err *e)
{
    change rows = *c;
    rows.first = first;
    rows.of = node->width;
    VQ_TRY(add_change(s, vq_arena_text(s->arena, e, "%s.weight", node->name), VQ_EDIT_ROWS, n,
                      &rows, e));
    return add_change(s, vq_arena_text(s->arena, e, "%s.bias", node->name), VQ_EDIT_ROWS, n, &rows,
                      e);
}

/* Everything of a norm that scales its channels. */
static vq_status change_norm(vq_edits *s, const vq_node *n, const change *c, vq_err *e)
{
    vq_param params[VQ_OP_PARAMS];
    const int count = vq_op_params(n, params);
    for (int i = 0; i < count; i++)
        if (params[i].channels)
            VQ_TRY(add_change(
                s, vq_arena_text(s->arena, e, "%s%s", params[i].module, params[i].suffix),
                VQ_EDIT_ROWS, n->width, c, e));
    return VQ_OK;
}

static vq_status change_consumers(vq_edits *s, const vq_graph *g, const vq_linear_group *group,
                                  const vq_input_map *m, vq_err *e)
{
    const change c = {m->scale, m->fold_order ? m->order : NULL, m->hadamard, 0, 0};
    for (int i = 0; i < group->count; i++) {
        const vq_node *n = &g->nodes[group->linears[i]];
        VQ_TRY(add_change(s, vq_arena_text(s->arena, e, "%s.weight", n->name), VQ_EDIT_COLS,
                          n->in_width, &c, e));
    }
    return VQ_OK;
}

static vq_status bad_map(const vq_graph *g, const vq_linear_group *group, const char *why,
                         vq_err *e)
{
    return vq_fail(e, VQ_E_BUG, "%s: %s", g->nodes[group->linears[0]].name, why);
}

/* Channel of the heads' output that kv head `kv`, query head `i` of those that share it, has at j.
 */
static int64_t channel(const vq_producer *p, int64_t kv, int64_t i, int64_t j)
{
    return (kv * (p->heads / p->kv_heads) + i) * p->head_dim + j;
}

/* Scales or orders over the heads' output as they are for the rows of v. False: heads that share
 * rows differ, or an order leaves its head. */
static bool shrink_to_values(const vq_producer *p, const vq_input_map *m, float *scale,
                             int32_t *order)
{
    const int64_t shared = p->heads / p->kv_heads, d = p->head_dim;
    bool same = true;
    for (int64_t kv = 0; kv < p->kv_heads; kv++) {
        for (int64_t j = 0; j < d; j++) {
            const int64_t first = channel(p, kv, 0, j),
                          inside = m->order ? m->order[first] - channel(p, kv, 0, 0) : 0;
            scale[kv * d + j] = m->scale ? m->scale[first] : 1;
            order[kv * d + j] = (int32_t)(kv * d + inside);
            same = same && inside >= 0 && inside < d;
            for (int64_t i = 1; i < shared; i++) {
                const int64_t at = channel(p, kv, i, j);
                same = same && (!m->scale || m->scale[at] == m->scale[first]);
                same = same && (!m->order || m->order[at] - channel(p, kv, i, 0) == inside);
            }
        }
    }
    return same;
}

static vq_status invert(float *scale, int64_t n, const vq_graph *g, const vq_linear_group *group,
                        vq_err *e)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(scale[i] > 0) || !isfinite(scale[i]))
            return bad_map(g, group, "a channel scale that is not a positive number", e);
        scale[i] = 1 / scale[i];
    }
    return VQ_OK;
}

static vq_status change_values(vq_edits *s, const vq_graph *g, const vq_linear_group *group,
                               const vq_producer *p, const vq_input_map *m, vq_err *e)
{
    const int64_t n = p->kv_heads * p->head_dim;
    float *scale = VQ_ALLOC(s->arena, float, n, "scales of values", e);
    int32_t *order = scale ? VQ_ALLOC(s->arena, int32_t, n, "order of values", e) : NULL;
    if (!order) return VQ_E_LIMIT;
    const bool hadamard = m->fold_hadamard && m->hadamard > 0;
    if (hadamard && p->head_dim % m->hadamard)
        return bad_map(g, group, "a folded Hadamard that leaves its head", e);
    if (!shrink_to_values(p, m, scale, order))
        return bad_map(g, group, "heads that share values need the same map, inside the head", e);
    VQ_TRY(invert(scale, n, g, group, e));
    const change c = {m->scale ? scale : NULL, m->fold_order && m->order ? order : NULL,
                      hadamard ? m->hadamard : 0, 0, 0};
    return change_rows(s, &g->nodes[group->producer], group->first_row, n, &c, e);
}

static vq_status change_producer(vq_edits *s, const vq_graph *g, const vq_linear_group *group,
                                 const vq_input_map *m, vq_err *e)
{
    const vq_producer p = vq_producer_of(g, group);
    const vq_node *from = group->producer >= 0 ? &g->nodes[group->producer] : NULL;
    const bool order = m->fold_order && m->order;
    if (!m->scale && !order && !(m->fold_hadamard && m->hadamard)) return VQ_OK;
    if (p.kind == VQ_PRODUCER_VALUES) return change_values(s, g, group, &p, m, e);
    if (m->fold_hadamard && m->hadamard)
        return bad_map(g, group, "nothing before it can absorb a Hadamard", e);
    if (p.kind == VQ_PRODUCER_NONE || (p.kind == VQ_PRODUCER_NORM && order))
        return bad_map(g, group, "nothing before it can absorb this map", e);
    const int64_t n = g->nodes[group->value].width;
    float *scale = m->scale ? VQ_ALLOC(s->arena, float, n, "scales of the producer", e) : NULL;
    if (m->scale && !scale) return VQ_E_LIMIT;
    if (scale) {
        memcpy(scale, m->scale, (size_t)n * sizeof *scale);
        VQ_TRY(invert(scale, n, g, group, e));
    }
    if (p.kind == VQ_PRODUCER_NORM) return change_norm(s, from, &(change){.scale = scale}, e);
    if (group->gate >= 0 && order)
        VQ_TRY(change_rows(s, &g->nodes[group->gate], group->gate_row, n,
                           &(change){.order = m->order}, e));
    return change_rows(s, from, group->first_row, n,
                       &(change){.scale = scale, .order = order ? m->order : NULL}, e);
}

vq_status vq_edits_from_map(vq_edits *s, const vq_graph *g, const vq_linear_group *group,
                            const vq_input_map *m, vq_err *e)
{
    if (m->order && !m->fold_order && m->hadamard)
        return bad_map(g, group, "the runtime rotates before it gathers, not after", e);
    VQ_TRY(change_producer(s, g, group, m, e));
    return change_consumers(s, g, group, m, e);
}
