/* trie.c -- edges in one hash table. */
#include "text/words/trie.h"

#include <string.h>

vq_status vq_trie_init(vq_trie *t, size_t bytes, const char *what, vq_arena *a, vq_err *e)
{
    *t = (vq_trie){.nodes = 1};
    VQ_TRY(vq_hash_init(&t->edges, bytes, what, a, e));
    t->value = VQ_ALLOC(a, int32_t, bytes + 1, what, e);
    if (!t->value) return VQ_E_LIMIT;
    memset(t->value, 0xFF, (bytes + 1) * sizeof *t->value);
    return VQ_OK;
}

int32_t vq_trie_put(vq_trie *t, const void *key, size_t n, int32_t value)
{
    const uint8_t *bytes = key;
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t edge = (uint64_t)node << 8 | bytes[i];
        node = vq_hash_get(&t->edges, edge);
        if (node != VQ_HASH_NONE) continue;
        node = t->nodes++;
        vq_hash_put(&t->edges, edge, node);
    }
    const int32_t before = t->value[node];
    t->value[node] = value;
    t->first[bytes[0]] = true;
    return before;
}

vq_status vq_trie_copy(vq_trie *t, const vq_trie *from, const char *what, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_trie_init(t, from->nodes, what, a, e));
    for (size_t i = 0; i <= from->edges.mask; i++)
        if (from->edges.value[i] != VQ_HASH_NONE)
            vq_hash_put(&t->edges, from->edges.key[i], from->edges.value[i]);
    memcpy(t->value, from->value, from->nodes * sizeof *t->value);
    memcpy(t->first, from->first, sizeof t->first);
    t->nodes = from->nodes;
    return VQ_OK;
}
