/* producer.c -- channels that come from one row of their producer change together. */
#include <math.h>

#include "quant/transform.h"

vq_status vq_producer_fits(const vq_producer *p, int64_t k, vq_err *e)
{
    if (p->kind != VQ_PRODUCER_VALUES) return VQ_OK;
    if (p->kv_heads > 0 && p->head_dim > 0 && p->heads % p->kv_heads == 0 &&
        p->heads * p->head_dim == k)
        return VQ_OK;
    return vq_fail(
        e, VQ_E_BUG, "%lld heads of %lld over %lld heads of values do not make %lld channels",
        (long long)p->heads, (long long)p->head_dim, (long long)p->kv_heads, (long long)k);
}

vq_status vq_producer_share(const vq_producer *p, double *x, int64_t k, bool sum, vq_arena *scratch,
                            vq_err *e)
{
    VQ_TRY(vq_producer_fits(p, k, e));
    if (p->kind != VQ_PRODUCER_VALUES || p->heads == p->kv_heads) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(scratch);
    double *row = VQ_NEW(scratch, double, k, "shared channels", e);
    if (!row) return VQ_E_LIMIT;
    for (int64_t i = 0; i < k; i++) {
        double *r = &row[vq_producer_row(p, i)];
        *r = sum ? *r + x[i] : fmax(*r, x[i]);
    }
    for (int64_t i = 0; i < k; i++) x[i] = row[vq_producer_row(p, i)];
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}
