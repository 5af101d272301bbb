/* output_map.c -- the curvature at a linear's output after some of its rows absorbed a map of the
 * input that they make. */
#include <string.h>

#include "base/exchange/edit.h"
#include "quant/transform.h"

/* The input channel that row r of the part makes. VALUES: a row of v serves the same channel of
 * several query heads; the first of them stands for all. */
static int64_t channel_of(const vq_producer *p, int64_t r)
{
    if (p->kind != VQ_PRODUCER_VALUES) return r;
    return r / p->head_dim * (p->heads / p->kv_heads) * p->head_dim + r % p->head_dim;
}

/* What the map of the next input does to the gradient g [n] at the part's rows. When the activation
 * becomes x / scale, its gradient becomes g * scale; orders and rotations act on both alike. */
typedef struct change {
    float *scale;
    int32_t *order;
    int64_t hadamard;
} change;

static vq_status change_of(const vq_row_part *part, const vq_input_map *map, const vq_producer *p,
                           change *out, vq_arena *a, vq_err *e)
{
    const bool order = map->order && map->fold_order;
    *out = (change){.hadamard = map->fold_hadamard ? map->hadamard : 0};
    if (map->scale) out->scale = VQ_ALLOC(a, float, part->n, "scales of rows", e);
    if (order) out->order = VQ_ALLOC(a, int32_t, part->n, "order of rows", e);
    if ((map->scale && !out->scale) || (order && !out->order)) return e->status;
    for (int64_t r = 0; r < part->n; r++) {
        const int64_t channel = channel_of(p, r);
        if (out->scale) out->scale[r] = map->scale[channel];
        if (out->order) out->order[r] = (int32_t)(r + map->order[channel] - channel);
    }
    return VQ_OK;
}

static vq_status change_side(const change *c, vq_edit d, float *x, int64_t n, vq_arena *a,
                             vq_err *e)
{
    d.tensor = "curvature at the output";
    d.scale = c->scale;
    d.order = c->order;
    d.block = c->hadamard;
    d.kind = VQ_EDIT_SCALE;
    if (c->scale) VQ_TRY(vq_edit_apply(&d, x, n, n, a, e));
    d.kind = VQ_EDIT_GATHER;
    if (c->order) VQ_TRY(vq_edit_apply(&d, x, n, n, a, e));
    d.kind = VQ_EDIT_HADAMARD;
    return c->hadamard ? vq_edit_apply(&d, x, n, n, a, e) : VQ_OK;
}

/* Rows and columns were changed one after the other, each rounded to f32, so the two triangles may
 * differ in the last bit: the upper one is copied to the lower. */
static void make_symmetric(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) x[j * n + i] = x[i * n + j];
}

vq_status vq_output_map(vq_curvature *c, const vq_row_part *part, const vq_input_map *map,
                        const vq_producer *p, vq_arena *a, vq_err *e)
{
    change through;
    const vq_edit rows = {.n = part->n, .first = part->first, .of = c->n, .side = VQ_EDIT_ROWS};
    vq_edit cols = rows;
    cols.side = VQ_EDIT_COLS;
    VQ_TRY(change_of(part, map, p, &through, a, e));
    if (!through.scale && !through.order && !through.hadamard) return VQ_OK;
    float *x = VQ_ALLOC(a, float, c->n * c->n, "mapped statistics", e);
    if (!x) return e->status;
    memcpy(x, c->output, (size_t)(c->n * c->n) * sizeof *x);
    VQ_TRY(change_side(&through, rows, x, c->n, a, e));
    VQ_TRY(change_side(&through, cols, x, c->n, a, e));
    make_symmetric(x, c->n);
    c->output = x;
    return VQ_OK;
}
