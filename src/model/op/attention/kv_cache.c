/* kv_cache.c -- room for the keys and values of a batch, and the way into it. */
#include "model/op/attention/kv_cache.h"

#include <string.h>

#include "model/op/op.h"

struct vq_kv_cache {
    const vq_graph *graph;
    int64_t sequences, length;
    int64_t *first; /* [nodes] floats per position of all attentions before this one */
    float *floats;  /* per attention: keys [sequences][length][..], then values */
};

static int64_t cached(const vq_node *n)
{
    return n->op->cached ? n->op->cached(n) : 0;
}

int64_t vq_kv_cache_floats(const vq_graph *g, int64_t length)
{
    int64_t floats = 0;
    for (int id = 0; id < g->count; id++) floats += cached(&g->nodes[id]);
    return floats * length;
}

vq_status vq_kv_cache_new(vq_kv_cache **c, const vq_graph *g, int64_t sequences, int64_t length,
                          vq_arena *a, vq_err *e)
{
    vq_kv_cache *cache = VQ_NEW(a, vq_kv_cache, 1, "key-value cache", e);
    if (!cache) return e->status;
    *cache = (vq_kv_cache){.graph = g, .sequences = sequences, .length = length};
    cache->first = VQ_ALLOC(a, int64_t, g->count, "key-value cache", e);
    if (!cache->first) return e->status;
    int64_t at = 0;
    for (int id = 0; id < g->count; at += cached(&g->nodes[id++])) cache->first[id] = at;
    cache->floats = vq_arena_alloc(a, (size_t)sequences * (size_t)length,
                                   (size_t)at * sizeof(float), "key-value cache", e);
    *c = cache;
    return cache->floats ? VQ_OK : e->status;
}

int64_t vq_kv_cache_length(const vq_kv_cache *c)
{
    return c->length;
}

static int64_t key_width(const vq_kv_cache *c, int node)
{
    return c->graph->nodes[node].kv_heads * c->graph->nodes[node].head_dim;
}

float *vq_kv_cache_keys(const vq_kv_cache *c, int node)
{
    return c->floats + c->first[node] * c->sequences * c->length;
}

float *vq_kv_cache_values(const vq_kv_cache *c, int node)
{
    return vq_kv_cache_keys(c, node) + key_width(c, node) * c->sequences * c->length;
}

static void store(const vq_kv_cache *c, const vq_batch *b, int64_t width, const float *from,
                  float *to)
{
    for (int64_t s = 0; s < b->sequences; s++)
        memcpy(to + (s * c->length + b->position) * width, from + s * b->length * width,
               (size_t)(b->length * width) * sizeof *to);
}

vq_status vq_kv_cache_store(vq_kv_cache *c, int node, const vq_batch *b, const float *k,
                            const float *v, vq_err *e)
{
    if (b->sequences > c->sequences || b->position < 0 || b->position + b->length > c->length)
        return vq_fail(
            e, VQ_E_BUG,
            "%lld sequences up to position %lld do not fit a cache of %lld of %lld positions",
            (long long)b->sequences, (long long)(b->position + b->length), (long long)c->sequences,
            (long long)c->length);
    const int64_t keys = key_width(c, node);
    store(c, b, keys, k, vq_kv_cache_keys(c, node));
    store(c, b, cached(&c->graph->nodes[node]) - keys, v, vq_kv_cache_values(c, node));
    return VQ_OK;
}
