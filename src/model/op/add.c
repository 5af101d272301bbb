/* add.c -- y = a + b, the residual stream. */
#include <string.h>

#include "base/parallel.h"
#include "model/op.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *a = f->values[n->in[0]], *b = f->values[n->in[1]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++) {
        float *row = out + t * n->width;
        if (a != out) memcpy(row, a + t * n->width, (size_t)n->width * sizeof *row);
        f->exec->kernels->add(row, b + t * n->width, (size_t)n->width);
    }
    return VQ_OK;
}

const vq_op vq_op_add = {.name = "add", .in_place = true, .forward = forward};
