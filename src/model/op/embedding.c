/* embedding.c -- a row of the table per token id, scaled where the family does so. */
#include "model/op/embedding.h"

#include "base/parallel.h"
#include "model/op/dense.h"

static vq_status check_ids(const vq_batch *b, const int32_t *ids, int64_t vocab, vq_err *e)
{
    for (int64_t i = 0; i < b->sequences * b->length; i++)
        if (ids[i] < 0 || ids[i] >= vocab)
            return vq_fail(
                e, VQ_E_INPUT,
                "token id %d at position %lld of sequence %lld is outside the vocabulary of %lld",
                (int)ids[i], (long long)(b->position + i % b->length), (long long)(i / b->length),
                (long long)vocab);
    return VQ_OK;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_embedding *args = n->args;
    const int64_t size = f->rows[id] * n->width;
    float *out = f->values[id];
    vq_tensor table;
    VQ_TRY(check_ids(f->batch, f->ids, n->in_width, e));
    VQ_TRY(vq_embedding_table(x, n, &table, e));
    VQ_TRY(vq_dense_gather(x->kernels, &table, f->ids, f->rows[id], n->width, out, e));
    if (!args) return VQ_OK;
#pragma omp parallel for schedule(static) if (size > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < size; i++) out[i] *= args->scale;
    return VQ_OK;
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    out[0] = (vq_param){
        .module = n->name, .suffix = ".weight", .ndim = 2, .shape = {n->in_width, n->width}};
    return 1;
}

const vq_op vq_op_embedding = {
    .name = "embedding", .forward = forward, .params = params, .rows = VQ_ROW_TABLE};
