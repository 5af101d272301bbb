/* head_part.c -- keys and values out of the heads that latent attention makes: a part of each head,
 * and the turned part that all of them share. */
#include "model/op/attention/head_part.h"

#include <string.h>

#include "base/parallel.h"

static void join_row(const vq_node *n, const float *heads, const float *shared, float *out)
{
    const vq_head_part *a = n->args;
    const size_t own = (size_t)a->count, rest = (size_t)n->head_dim - own;
    for (int64_t h = 0; h < n->heads; h++, out += n->head_dim) {
        memcpy(out, heads + h * a->of + a->first, own * sizeof *out);
        if (shared) memcpy(out + own, shared, rest * sizeof *out);
    }
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_head_part *a = n->args;
    const float *heads = f->values[n->in[0]], *shared = n->nin > 1 ? f->values[n->in[1]] : NULL;
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        join_row(n, heads + t * n->heads * a->of,
                 shared ? shared + t * (n->head_dim - a->count) : NULL,
                 f->values[id] + t * n->width);
    return VQ_OK;
}

/* What heads share gets the sum over them, in their order. */
static void back_row(const vq_node *n, const vq_kernels *kr, const float *g, float *heads,
                     float *shared)
{
    const vq_head_part *a = n->args;
    const size_t own = (size_t)a->count, rest = (size_t)n->head_dim - own;
    memset(heads, 0, (size_t)(n->heads * a->of) * sizeof *heads);
    if (shared) memset(shared, 0, rest * sizeof *shared);
    for (int64_t h = 0; h < n->heads; h++, g += n->head_dim) {
        memcpy(heads + h * a->of + a->first, g, own * sizeof *g);
        if (shared) kr->add(shared, g + own, rest);
    }
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_head_part *a = n->args;
    float *shared = n->nin > 1 ? f->into[1] : NULL;
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        back_row(n, f->exec->kernels, f->grads[id] + t * n->width,
                 f->into[0] + t * n->heads * a->of,
                 shared ? shared + t * (n->head_dim - a->count) : NULL);
    return VQ_OK;
}

const vq_op vq_op_head_part = {.name = "head_part", .forward = forward, .backward = backward};
