/* rope.c -- turn the channel pairs (i, i + d/2) of each head by the angles of the token's position. */
#include <string.h>

#include "base/parallel.h"
#include "model/op.h"

typedef void (*turn)(float *x, const float *cos, const float *sin, size_t d);

static void turn_all(const vq_node *n, const vq_frame *f, turn by, const float *in, float *out)
{
    const int64_t half = n->head_dim / 2;
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++) {
        const int64_t at = t % f->batch->length * half;
        float *row = out + t * n->width;
        if (in != out) memcpy(row, in + t * n->width, (size_t)n->width * sizeof *row);
        for (int64_t h = 0; h < n->heads; h++) by(row + h * n->head_dim, f->cos + at, f->sin + at, (size_t)n->head_dim);
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

const vq_op vq_op_rope = {.name = "rope", .in_place = true, .forward = forward, .backward = backward};
