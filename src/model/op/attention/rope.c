/* rope.c -- turn the channel pairs (i, i + half) of each head by the angles of the token's position;
 * where channels were reordered, the pairs are those of the original order. */
#include "model/op/attention/rope.h"

#include <string.h>

#include "base/parallel.h"

typedef void (*turn)(float *x, const float *cos, const float *sin, size_t d);

/* One head: order NULL, or where each of its channels stood before it was moved. */
static void turn_head(turn by, const vq_node *n, float *x, const float *cos, const float *sin,
                      const int32_t *order)
{
    const vq_rope *args = n->args;
    const size_t turned = (size_t)(2 * args->table->half);
    float room[VQ_MAX_HEAD_DIM];
    if (!order) {
        by(x + args->first, cos, sin, turned);
        return;
    }
    for (int64_t i = 0; i < n->head_dim; i++) room[order[i]] = x[i];
    by(room + args->first, cos, sin, turned);
    for (int64_t i = 0; i < n->head_dim; i++) x[i] = room[order[i]];
}

static void turn_all(const vq_node *n, int id, const vq_frame *f, turn by, const float *in,
                     float *out)
{
    const vq_rope *args = n->args;
    const vq_angles *angles = vq_angles_find(f->angles, args->table);
    const int64_t half = args->table->half, d = n->head_dim,
                  shared = args->order_heads ? n->heads / args->order_heads : 1;
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++) {
        const int64_t at = t % f->batch->length * half;
        float *row = out + t * n->width;
        if (in != out) memcpy(row, in + t * n->width, (size_t)n->width * sizeof *row);
        for (int64_t h = 0; h < n->heads; h++)
            turn_head(by, n, row + h * d, angles->cos + at, angles->sin + at,
                      args->orders ? args->orders + h / shared * d : NULL);
    }
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    turn_all(n, id, f, f->exec->kernels->rope, f->values[n->in[0]], f->values[id]);
    return VQ_OK;
}

/* The transposed rotation. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    turn_all(n, id, f, f->exec->kernels->rope_back, f->grads[id], f->into[0]);
    return VQ_OK;
}

static const vq_rope_table *table(const vq_node *n)
{
    return ((const vq_rope *)n->args)->table;
}

vq_status vq_rope_set_orders(vq_graph *g, int id, const int32_t *orders, int64_t order_heads,
                             vq_arena *a, vq_err *e)
{
    vq_rope *args = VQ_ALLOC(a, vq_rope, 1, "orders of keys", e);
    if (!args) return e->status;
    *args = *(const vq_rope *)g->nodes[id].args;
    args->orders = orders;
    args->order_heads = order_heads;
    g->nodes[id].args = args;
    return VQ_OK;
}

const vq_op vq_op_rope = {.name = "rope",
                          .in_place = true,
                          .forward = forward,
                          .backward = backward,
                          .table = table,
                          .heads = VQ_HEAD_TURN};
