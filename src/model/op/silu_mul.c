/* silu_mul.c -- y = silu(gate) * up. */
#include "base/parallel.h"
#include "model/op/op.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *gate = f->values[n->in[0]], *up = f->values[n->in[1]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++)
        f->exec->kernels->silu_mul(gate + t * n->width, up + t * n->width, (size_t)n->width,
                                   out + t * n->width);
    return VQ_OK;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const float *gate = f->values[n->in[0]], *up = f->values[n->in[1]], *g = f->grads[id];
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++) {
        const int64_t at = t * n->width;
        f->exec->kernels->silu_mul_back(gate + at, up + at, g + at, (size_t)n->width,
                                        f->into[0] + at, f->into[1] + at);
    }
    return VQ_OK;
}

const vq_op vq_op_silu_mul = {.name = "silu_mul",
                              .in_place = true,
                              .back_reads = true,
                              .forward = forward,
                              .backward = backward};
