/* kv_cache.c -- room for the keys and values of a batch, and the way into it. */
#include "model/op/kv_cache.h"

#include <string.h>

vq_status vq_kv_cache_new(vq_kv_cache **c, const vq_graph *g, int64_t sequences, int64_t length,
                          vq_arena *a, vq_err *e)
{
    vq_kv_cache *cache = VQ_NEW(a, vq_kv_cache, 1, "key-value cache", e);
    if (!cache) return e->status;
    *cache = (vq_kv_cache){.sequences = sequences, .length = length};
    for (int id = 0; id < g->count; id++) {
        const vq_node *n = &g->nodes[id];
        if (n->op == VQ_OP_ATTENTION) cache->width = n->kv_heads * n->head_dim;
    }
    const size_t rows = (size_t)g->layers * (size_t)sequences * (size_t)length;
    cache->keys =
        vq_arena_alloc(a, rows, (size_t)cache->width * sizeof(float), "key-value cache", e);
    cache->values = cache->keys ? vq_arena_alloc(a, rows, (size_t)cache->width * sizeof(float),
                                                 "key-value cache", e)
                                : NULL;
    if (!cache->values) return e->status;
    *c = cache;
    return VQ_OK;
}

float *vq_kv_cache_at(const vq_kv_cache *c, float *array, int layer)
{
    return array + layer * c->sequences * c->length * c->width;
}

vq_status vq_kv_cache_store(vq_kv_cache *c, int layer, const vq_batch *b, const float *k,
                            const float *v, vq_err *e)
{
    if (b->sequences > c->sequences || b->position < 0 || b->position + b->length > c->length)
        return vq_fail(
            e, VQ_E_BUG,
            "%lld sequences up to position %lld do not fit a cache of %lld of %lld positions",
            (long long)b->sequences, (long long)(b->position + b->length), (long long)c->sequences,
            (long long)c->length);
    const size_t bytes = (size_t)(b->length * c->width) * sizeof *k;
    for (int64_t s = 0; s < b->sequences; s++) {
        const int64_t from = s * b->length * c->width,
                      to = (s * c->length + b->position) * c->width;
        memcpy(vq_kv_cache_at(c, c->keys, layer) + to, k + from, bytes);
        memcpy(vq_kv_cache_at(c, c->values, layer) + to, v + from, bytes);
    }
    return VQ_OK;
}
