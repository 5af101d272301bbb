/* add.c -- y = a + b, the residual stream. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/op.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *a = f->values[n->in[0]], *b = f->values[n->in[1]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++) {
        float *row = out + t * n->width;
        if (a != out) memcpy(row, a + t * n->width, (size_t)n->width * sizeof *row);
        f->exec->kernels->add(row, b + t * n->width, (size_t)n->width);
    }
    return VQ_OK;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *g = f->grads[id];
    const size_t row = (size_t)n->width * sizeof *g;
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        for (int i = 0; i < n->nin; i++)
            if (f->into[i] != g) memcpy(f->into[i] + t * n->width, g + t * n->width, row);
    return VQ_OK;
}

const vq_op vq_op_add = {
    .name = "add", .in_place = true, .forward = forward, .backward = backward, .rows = VQ_ROW_SUM};
