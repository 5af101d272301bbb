/* gated.c -- y = f(gate) * up. */
#include "base/parallel.h"
#include "model/op/activation.h"

/* silu has kernels of its own. */
static bool has_kernel(const vq_activation *a)
{
    return a == vq_activation_find("silu");
}

static void run_row(const vq_kernels *kr, const vq_activation *a, bool kernel, const float *gate,
                    const float *up, int64_t n, float *out)
{
    if (kernel)
        kr->silu_mul(gate, up, (size_t)n, out);
    else
        for (int64_t i = 0; i < n; i++) out[i] = a->at(gate[i]) * up[i];
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_activation *a = n->args;
    const bool kernel = has_kernel(a);
    const float *gate = f->values[n->in[0]], *up = f->values[n->in[1]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        run_row(f->exec->kernels, a, kernel, gate + t * n->width, up + t * n->width, n->width,
                out + t * n->width);
    return VQ_OK;
}

/* Either gradient may lie where g does: each element is read before it is written. */
static void back_row(const vq_activation *a, const float *gate, const float *up, const float *g,
                     int64_t n, float *dgate, float *dup)
{
    for (int64_t i = 0; i < n; i++) {
        const float of_gate = g[i] * up[i] * a->slope(gate[i]), of_up = g[i] * a->at(gate[i]);
        dgate[i] = of_gate;
        dup[i] = of_up;
    }
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_activation *a = n->args;
    const bool kernel = has_kernel(a);
    const float *gate = f->values[n->in[0]], *up = f->values[n->in[1]], *g = f->grads[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++) {
        const int64_t at = t * n->width;
        if (kernel)
            f->exec->kernels->silu_mul_back(gate + at, up + at, g + at, (size_t)n->width,
                                            f->into[0] + at, f->into[1] + at);
        else
            back_row(a, gate + at, up + at, g + at, n->width, f->into[0] + at, f->into[1] + at);
    }
    return VQ_OK;
}

/* Linear in up, channel by channel; an order of its channels is one of the gate's too. */
const vq_op vq_op_gated = {.name = "gated",
                           .in_place = true,
                           .back_reads = true,
                           .forward = forward,
                           .backward = backward,
                           .absorb = VQ_ABSORB_OPERAND,
                           .through = 1,
                           .gate = 1};
