/* scaled.c -- y = c x: multipliers that a family puts beside its weights. */
#include "base/parallel.h"
#include "model/op/op.h"

static void times(float c, const float *x, int64_t n, float *y)
{
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++) y[i] = c * x[i];
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    times(*(const float *)n->args, f->values[n->in[0]], f->rows[id] * n->width, f->values[id]);
    return VQ_OK;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    times(*(const float *)n->args, f->grads[id], f->rows[id] * n->width, f->into[0]);
    return VQ_OK;
}

const vq_op vq_op_scale = {.name = "scale",
                           .in_place = true,
                           .forward = forward,
                           .backward = backward,
                           .rows = VQ_ROW_SAME,
                           .absorb = VQ_ABSORB_OPERAND,
                           .through = 0};
