/* key_orders.c -- naming, checking and loading the orders that rope goes by. */
#include "load/key_orders.h"

#include <string.h>

#include "model/op/attention/rope.h"
#include "model/walk/targets.h"

static const char *name_of(const vq_graph *g, const vq_heads *h, vq_arena *a, vq_err *e)
{
    return vq_arena_text(a, e, "%s.key_order", g->nodes[h->k].name);
}

vq_status vq_key_order_tensor(const vq_graph *g, int layer, vq_tensor *out, vq_arena *a, vq_err *e)
{
    vq_heads *heads;
    int n;
    *out = (vq_tensor){.dtype = VQ_I32, .ndim = 2};
    VQ_TRY(vq_heads_find(g, a, &heads, &n, e));
    for (int i = 0; i < n; i++) {
        const vq_node *node = &g->nodes[heads[i].attention];
        const vq_rope *rope = heads[i].k_rope >= 0 ? g->nodes[heads[i].k_rope].args : NULL;
        if (node->layer != layer || !rope || !rope->orders) continue;
        out->name = name_of(g, &heads[i], a, e);
        if (!out->name) return VQ_E_LIMIT;
        out->shape[0] = node->kv_heads;
        out->shape[1] = node->head_dim;
        out->data = rope->orders;
        return vq_tensor_bytes(VQ_I32, out->shape, 2, &out->bytes, e);
    }
    return VQ_OK;
}

/* Every head's channels once; seen [d]. */
static bool is_order(const int32_t *order, int64_t heads, int64_t d, bool *seen)
{
    for (int64_t h = 0; h < heads; h++) {
        memset(seen, 0, (size_t)d * sizeof *seen);
        for (int64_t i = 0; i < d; i++) {
            const int32_t at = order[h * d + i];
            if (at < 0 || at >= d || seen[at]) return false;
            seen[at] = true;
        }
    }
    return true;
}

static vq_status load_order(const vq_tensor *t, const vq_node *n, const int32_t **out, vq_arena *a,
                            vq_err *e)
{
    char text[96];
    if (t->dtype != VQ_I32 || t->ndim != 2 || t->shape[0] != n->kv_heads ||
        t->shape[1] != n->head_dim)
        return vq_fail(e, VQ_E_INPUT, "%s is %s %s; I32 [%lld, %lld] is expected", t->name,
                       vq_dtype_name(t->dtype), vq_shape_text(t->shape, t->ndim, text, sizeof text),
                       (long long)n->kv_heads, (long long)n->head_dim);
    int32_t *order = VQ_ALLOC(a, int32_t, n->kv_heads * n->head_dim, "order of keys", e);
    bool *seen = order ? VQ_ALLOC(a, bool, n->head_dim, "check of an order", e) : NULL;
    if (!seen) return VQ_E_LIMIT;
    memcpy(order, t->data,
           (size_t)(n->kv_heads * n->head_dim) * sizeof *order); /* mapped files are not aligned */
    *out = order;
    return is_order(order, n->kv_heads, n->head_dim, seen)
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT, "%s is not an order of the channels of a head", t->name);
}

vq_status vq_key_orders_load(vq_graph *g, const vq_source *source, vq_arena *a, vq_err *e)
{
    vq_heads *heads;
    int n;
    VQ_TRY(vq_heads_find(g, a, &heads, &n, e));
    for (int i = 0; i < n; i++) {
        const vq_node *node = &g->nodes[heads[i].attention];
        const char *name = name_of(g, &heads[i], a, e);
        vq_tensor t;
        if (!name) return VQ_E_LIMIT;
        if (!source->has(source->self, name)) continue;
        VQ_TRY(source->tensor(source->self, name, &t, e));
        const int32_t *order = NULL;
        VQ_TRY(load_order(&t, node, &order, a, e));
        if (heads[i].q_rope < 0 || heads[i].k_rope < 0) continue;
        VQ_TRY(vq_rope_set_orders(g, heads[i].q_rope, order, node->kv_heads, a, e));
        VQ_TRY(vq_rope_set_orders(g, heads[i].k_rope, order, node->kv_heads, a, e));
    }
    return VQ_OK;
}
