/* softcap.c -- values bounded by a tanh. */
#include "model/op/attention/softcap.h"

#include <math.h>

#include "base/parallel.h"

float vq_softcap_of(const vq_node *n)
{
    return n->op == &vq_op_softcap ? ((const vq_softcap *)n->args)->cap : 0;
}

void vq_softcap_run(float *x, int64_t n, float cap)
{
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
}

void vq_softcap_back(const float *y, int64_t n, float cap, float *g)
{
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++) {
        const float t = y[i] / cap;
        g[i] *= 1 - t * t;
    }
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const int64_t size = f->rows[id] * n->width;
    const float *in = f->values[n->in[0]];
    float *out = f->values[id];
    for (int64_t i = 0; out != in && i < size; i++) out[i] = in[i];
    vq_softcap_run(out, size, vq_softcap_of(n));
    return VQ_OK;
}

/* From the inputs: an op's backward never reads its output. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const int64_t size = f->rows[id] * n->width;
    const float cap = vq_softcap_of(n), *x = f->values[n->in[0]], *g = f->grads[id];
#pragma omp parallel for schedule(static) if (size > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < size; i++) {
        const float t = tanhf(x[i] / cap);
        f->into[0][i] = g[i] * (1 - t * t);
    }
    return VQ_OK;
}

const vq_op vq_op_softcap = {.name = "softcap",
                             .in_place = true,
                             .back_reads = true,
                             .forward = forward,
                             .backward = backward};
