/* rms_norm.c -- y = x / rms(x) * w over each token's row. */
#include "base/parallel.h"
#include "model/op/dense.h"
#include "model/op/norm_back.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const float *weight = NULL, *in = f->values[n->in[0]];
    VQ_TRY(vq_norm_weight(x, n->name, n->width, &weight, e));
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->tokens * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++)
        x->kernels->rms_norm(in + t * n->width, weight, n->eps, (size_t)n->width,
                             out + t * n->width);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    (void)x, (void)b;
    return (size_t)n->width * sizeof(float);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    return vq_norm_back(n, id, f, f->tokens, n->width, e);
}

static size_t back_scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    (void)x;
    return vq_norm_back_scratch(b->sequences * b->length, n->width);
}

const vq_op vq_op_rms_norm = {.name = "rms_norm",
                              .back_reads = true,
                              .forward = forward,
                              .scratch = scratch,
                              .backward = backward,
                              .back_scratch = back_scratch};
