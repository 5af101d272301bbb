/* kv_cache.h -- keys and values of earlier positions, one pair of arrays per attention. */
#ifndef VQ_MODEL_OP_ATTENTION_KV_CACHE_H
#define VQ_MODEL_OP_ATTENTION_KV_CACHE_H

#include "model/op/context.h"

/* vq_kv_cache_new -- for so many sequences of at most `length` positions; from a. */
vq_status vq_kv_cache_new(vq_kv_cache **c, const vq_graph *g, int64_t sequences, int64_t length,
                          vq_arena *a, vq_err *e);
/* vq_kv_cache_floats -- what it takes for one sequence of `length` positions. */
int64_t vq_kv_cache_floats(const vq_graph *g, int64_t length);
int64_t vq_kv_cache_length(const vq_kv_cache *c);

/* vq_kv_cache_keys -- start of a node's [sequences][length][kv_heads * head_dim];
 * vq_kv_cache_values likewise, of the width that is left of what the op keeps per token. */
float *vq_kv_cache_keys(const vq_kv_cache *c, int node);
float *vq_kv_cache_values(const vq_kv_cache *c, int node);

/* vq_kv_cache_store -- rows k, v [sequences*length][width] of a batch at its position. VQ_E_BUG:
 * more sequences or positions than the cache was made for. */
vq_status vq_kv_cache_store(vq_kv_cache *c, int node, const vq_batch *b, const float *k,
                            const float *v, vq_err *e);

#endif
