/* rope.c -- turn the channel pairs (i, i + d/2) of each head by the angles of the token's position;
 * where channels were reordered, the pairs are those of the original order. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/op.h"

typedef void (*turn)(float *x, const float *cos, const float *sin, size_t d);

static const int32_t *orders_of(const vq_node *n, const vq_graph *g)
{
    return g->key_orders ? g->key_orders[n->layer] : NULL;
}

/* One head: order NULL, or where each channel stood before it was moved. room [d]. */
static void turn_head(turn by, float *x, const float *cos, const float *sin, int64_t d,
                      const int32_t *order, float *room)
{
    if (!order) {
        by(x, cos, sin, (size_t)d);
        return;
    }
    for (int64_t i = 0; i < d; i++) room[order[i]] = x[i];
    by(room, cos, sin, (size_t)d);
    for (int64_t i = 0; i < d; i++) x[i] = room[order[i]];
}

static void turn_all(const vq_node *n, const vq_frame *f, turn by, const float *in, float *out)
{
    const int64_t d = n->head_dim, half = d / 2, key_heads = f->exec->graph->key_heads,
                  shared = key_heads ? n->heads / key_heads : 1;
    const int32_t *orders = orders_of(n, f->exec->graph);
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++) {
        const int64_t at = t % f->batch->length * half;
        float *row = out + t * n->width;
        if (in != out) memcpy(row, in + t * n->width, (size_t)n->width * sizeof *row);
        float room[VQ_MAX_HEAD_DIM];
        for (int64_t h = 0; h < n->heads; h++)
            turn_head(by, row + h * d, f->cos + at, f->sin + at, d,
                      orders ? orders + h / shared * d : NULL, room);
    }
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    turn_all(n, f, f->exec->kernels->rope, f->values[n->in[0]], f->values[id]);
    return VQ_OK;
}

/* The transposed rotation. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    turn_all(n, f, f->exec->kernels->rope_back, f->grads[id], f->into[0]);
    return VQ_OK;
}

const vq_op vq_op_rope = {
    .name = "rope", .in_place = true, .forward = forward, .backward = backward};
