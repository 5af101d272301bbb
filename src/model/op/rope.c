/* rope.c -- turn the channel pairs (i, i + d/2) of each head by the angles of the token's position. */
#include <string.h>

#include "base/parallel.h"
#include "model/op.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const int64_t half = n->head_dim / 2;
    const float *in = f->values[n->in[0]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++) {
        const int64_t at = t % f->batch->length * half;
        float *row = out + t * n->width;
        if (in != out) memcpy(row, in + t * n->width, (size_t)n->width * sizeof *row);
        for (int64_t h = 0; h < n->heads; h++) f->exec->kernels->rope(row + h * n->head_dim, f->cos + at, f->sin + at, (size_t)n->head_dim);
    }
    return VQ_OK;
}

const vq_op vq_op_rope = {.name = "rope", .in_place = true, .forward = forward};
