/* trie.h -- a tree of bytes over many keys, made once and then walked. Internal to the tokenizer.
 * test tests/unit/text/test_vocab.c */
#ifndef VQ_TEXT_TRIE_H
#define VQ_TEXT_TRIE_H

#include <stdbool.h>

#include "text/words/hash_table.h"

typedef struct vq_trie {
    vq_hash edges;   /* node << 8 | byte -> node; node 0 is the root */
    int32_t *value;  /* [nodes] of the key that ends here, -1 none */
    uint32_t nodes;  /* so far */
    bool first[256]; /* bytes that some key begins with */
} vq_trie;

/* vq_trie_init -- an empty tree with room for `bytes` nodes: the bytes of all keys, less what keys
 * share. */
vq_status vq_trie_init(vq_trie *t, size_t bytes, const char *what, vq_arena *a, vq_err *e);
/* vq_trie_put -- a key (not empty) and its value >= 0; the value that the key had, -1 when it is
 * new. */
int32_t vq_trie_put(vq_trie *t, const void *key, size_t n, int32_t value);
/* vq_trie_copy -- the same tree without spare room: nothing more is put into it. */
vq_status vq_trie_copy(vq_trie *t, const vq_trie *from, const char *what, vq_arena *a, vq_err *e);
/* vq_trie_step -- the node behind a byte, VQ_HASH_NONE when no key goes on there. */
static inline uint32_t vq_trie_step(const vq_trie *t, uint32_t node, uint8_t byte)
{
    return vq_hash_get(&t->edges, (uint64_t)node << 8 | byte);
}

#endif
