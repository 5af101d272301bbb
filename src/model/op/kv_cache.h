/* kv_cache.h -- keys and values of earlier positions, one pair of arrays per block. */
#ifndef VQ_MODEL_OP_KV_CACHE_H
#define VQ_MODEL_OP_KV_CACHE_H

#include "model/exec/exec.h"

struct vq_kv_cache {
    int64_t sequences, length, width; /* width: kv_heads * head_dim */
    float *keys, *values;             /* [layers][sequences][length][width] */
};

/* vq_kv_cache_at -- start of a block's [sequences][length][width] in `keys` or `values`. */
float *vq_kv_cache_at(const vq_kv_cache *c, float *array, int layer);

/* vq_kv_cache_store -- rows k, v [sequences*length][width] of a batch at its position. VQ_E_BUG:
 * more sequences or positions than the cache was made for. */
vq_status vq_kv_cache_store(vq_kv_cache *c, int layer, const vq_batch *b, const float *k,
                            const float *v, vq_err *e);

#endif
