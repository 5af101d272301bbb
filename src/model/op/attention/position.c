/* position.c -- learned positions: a row of a table is added to each token's row. */
#include <string.h>

#include "model/op/dense.h"
#include "model/op/embedding.h"

static vq_status add_positions(const vq_node *n, int id, vq_frame *f, const int32_t *at,
                               float *table, vq_err *e)
{
    const vq_exec *x = f->exec;
    const int64_t length = f->batch->length, width = n->width;
    const float *in = f->values[n->in[0]];
    vq_tensor t;
    VQ_TRY(vq_embedding_table(x, n, &t, e));
    VQ_TRY(vq_dense_gather(x->kernels, &t, at, length, width, table, e));
    for (int64_t r = 0; r < f->rows[id]; r++) {
        float *row = f->values[id] + r * width;
        if (row != in + r * width) memcpy(row, in + r * width, (size_t)width * sizeof *row);
        x->kernels->add(row, table + r % length * width, (size_t)width);
    }
    return VQ_OK;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_position *args = n->args;
    const int64_t length = f->batch->length, first = f->batch->position + args->offset;
    vq_arena *a = f->exec->arena;
    if (first + length > n->in_width)
        return vq_fail(e, VQ_E_INPUT,
                       "position %lld is beyond the %lld that this model has learned: use shorter "
                       "sequences",
                       (long long)(f->batch->position + length - 1),
                       (long long)(n->in_width - args->offset));
    const vq_arena_mark mark = vq_arena_here(a);
    int32_t *at = VQ_ALLOC(a, int32_t, length, "positions", e);
    float *table = at ? VQ_ALLOC(a, float, length * n->width, "positions", e) : NULL;
    if (!table) return e->status;
    for (int64_t i = 0; i < length; i++) at[i] = (int32_t)(first + i);
    const vq_status s = add_positions(n, id, f, at, table, e);
    vq_arena_rewind(a, mark);
    return s;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const size_t size = (size_t)(f->rows[id] * n->width);
    if (f->into[0] != f->grads[id]) memcpy(f->into[0], f->grads[id], size * sizeof(float));
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)rows;
    return (size_t)b->length * (sizeof(int32_t) + (size_t)n->width * sizeof(float));
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    out[0] = (vq_param){
        .module = n->name, .suffix = ".weight", .ndim = 2, .shape = {n->in_width, n->width}};
    return 1;
}

const vq_op vq_op_position = {.name = "position",
                              .in_place = true,
                              .forward = forward,
                              .backward = backward,
                              .scratch = scratch,
                              .params = params};
