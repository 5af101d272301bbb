/* output_map.c -- the curvature at a linear's output after its rows absorbed a map of the input
 * that they make. */
#include "quant/transform.h"

/* The channel of the mapped input that row r makes. */
static int64_t channel_of(const vq_producer *p, int64_t r)
{
    if (p->kind != VQ_PRODUCER_VALUES) return r;
    return r / p->head_dim * (p->heads / p->kv_heads) * p->head_dim + r % p->head_dim;
}

/* Gradients take the inverse of what activations take: x / scale has the gradient g * scale. */
static vq_status rows_map(const vq_curvature *c, const vq_input_map *map, const vq_producer *p,
                          vq_input_map *out, vq_arena *a, vq_err *e)
{
    *out = (vq_input_map){.hadamard = map->fold_hadamard ? map->hadamard : 0};
    if (map->scale) out->scale = VQ_ALLOC(a, float, c->n, "scales of rows", e);
    if (map->order && map->fold_order) out->order = VQ_ALLOC(a, int32_t, c->n, "order of rows", e);
    if ((map->scale && !out->scale) || (map->order && map->fold_order && !out->order))
        return e->status;
    for (int64_t r = 0; r < c->n; r++) {
        const int64_t channel = channel_of(p, r);
        if (out->scale) out->scale[r] = 1 / map->scale[channel];
        if (out->order) out->order[r] = (int32_t)(r + map->order[channel] - channel);
    }
    return VQ_OK;
}

vq_status vq_output_map(vq_curvature *c, const vq_input_map *map, const vq_producer *p, vq_arena *a,
                        vq_err *e)
{
    vq_input_map rows;
    unsigned lost;
    VQ_TRY(rows_map(c, map, p, &rows, a, e));
    const vq_stats as_input = {
        .name = c->name, .k = c->n, .hessian = c->output, .gathered = VQ_NEED_HESSIAN};
    vq_stats mapped;
    VQ_TRY(vq_stats_map(&as_input, &rows, &mapped, &lost, a, e));
    c->output = mapped.hessian;
    return VQ_OK;
}
