/* slice.c -- columns [first, first + width) of a value. */
#include "model/op/slice.h"

#include <string.h>

#include "base/parallel.h"

static int64_t first_channel(const vq_node *n)
{
    return ((const vq_slice *)n->args)->first;
}

/* in_width: columns of the value that is cut. */
static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *in = f->values[n->in[0]] + first_channel(n);
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        memcpy(out + t * n->width, in + t * n->in_width, (size_t)n->width * sizeof *out);
    return VQ_OK;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *g = f->grads[id];
    float *to = f->into[0];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++) {
        float *row = to + t * n->in_width;
        memset(row, 0, (size_t)n->in_width * sizeof *row);
        memcpy(row + first_channel(n), g + t * n->width, (size_t)n->width * sizeof *row);
    }
    return VQ_OK;
}

const vq_op vq_op_slice = {.name = "slice",
                           .forward = forward,
                           .backward = backward,
                           .absorb = VQ_ABSORB_OPERAND,
                           .through = 0,
                           .first_channel = first_channel};
