/* rms_norm.c -- y = x / rms(x) * w over each token's row. */
#include "base/parallel.h"
#include "model/op/norm.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const float *weight = NULL, *in = f->values[n->in[0]];
    VQ_TRY(vq_norm_load(x, n, n->width, &weight, e));
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        x->kernels->rms_norm(in + t * n->width, weight, n->eps, (size_t)n->width,
                             out + t * n->width);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return (size_t)n->width * sizeof(float);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    return vq_norm_back(n, id, f, f->rows[id], n->width, e);
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    (void)l, (void)x, (void)b;
    return vq_norm_back_scratch(rows, n->width);
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    out[0] = vq_norm_param(n, n->width, true);
    return 1;
}

const vq_op vq_op_rms_norm = {.name = "rms_norm",
                              .back_reads = true,
                              .forward = forward,
                              .scratch = scratch,
                              .backward = backward,
                              .back_scratch = back_scratch,
                              .params = params,
                              .rows = VQ_ROW_RMS,
                              .absorb = VQ_ABSORB_WEIGHT};
