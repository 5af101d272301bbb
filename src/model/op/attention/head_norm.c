/* head_norm.c -- RMSNorm over each head of each token, one weight for all heads. */
#include "base/parallel.h"
#include "model/op/dense.h"
#include "model/op/norm.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const float *weight = NULL, *in = f->values[n->in[0]];
    VQ_TRY(vq_norm_load(x, n, n->head_dim, &weight, e));
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t row = 0; row < f->rows[id] * n->heads; row++)
        x->kernels->rms_norm(in + row * n->head_dim, weight, n->eps, (size_t)n->head_dim,
                             out + row * n->head_dim);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return (size_t)n->head_dim * sizeof(float);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    return vq_norm_back(n, id, f, f->rows[id] * n->heads, n->head_dim, e);
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    (void)l, (void)x, (void)b;
    return vq_norm_back_scratch(rows * n->heads, n->head_dim);
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    out[0] = vq_norm_param(n, n->head_dim, false);
    return 1;
}

const vq_op vq_op_head_norm = {.name = "head_norm",
                               .in_place = true,
                               .back_reads = true,
                               .forward = forward,
                               .scratch = scratch,
                               .backward = backward,
                               .back_scratch = back_scratch,
                               .params = params,
                               .heads = VQ_HEAD_NORM};
