/* embedding.c -- a row of the table per token id. */
#include "model/op/dense.h"
#include "model/op/op.h"

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
    vq_tensor table;
    VQ_TRY(check_ids(f->batch, f->ids, x->graph->vocab, e));
    VQ_TRY(vq_embedding_table(x, n, x->graph->vocab, &table, e));
    return vq_dense_gather(x->kernels, &table, f->ids, f->tokens, n->width, f->values[id], e);
}

const vq_op vq_op_embedding = {.name = "embedding", .forward = forward};
