/* hash_table.h -- a small map from 64-bit keys to 32-bit values, made once and then only read. test
 * tests/unit/text/test_hash_table.c */
#ifndef VQ_TEXT_HASH_TABLE_H
#define VQ_TEXT_HASH_TABLE_H

#include <stdint.h>

#include "base/arena.h"

#define VQ_HASH_NONE UINT32_MAX

typedef struct vq_hash {
    uint64_t *key;   /* [mask + 1] */
    uint32_t *value; /* [mask + 1], VQ_HASH_NONE: free */
    size_t mask;
} vq_hash;

/* vq_hash_init -- an empty table for at most `count` keys, owned by the arena. */
vq_status vq_hash_init(vq_hash *h, size_t count, const char *what, vq_arena *a, vq_err *e);
/* vq_hash_put -- set the value (below VQ_HASH_NONE) of a key, new or not. */
void vq_hash_put(vq_hash *h, uint64_t key, uint32_t value);
/* vq_hash_get -- value of a key, VQ_HASH_NONE when it has none. */
uint32_t vq_hash_get(const vq_hash *h, uint64_t key);
/* vq_hash_bytes -- 64-bit hash of n bytes; another seed gives another hash. */
uint64_t vq_hash_bytes(const void *data, size_t n, uint64_t seed);

#endif
