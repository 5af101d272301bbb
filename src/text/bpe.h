/* bpe.h -- byte-pair merging of one word, and the vocabulary it works on. Internal to the
 * tokenizer. Source: HF tokenizers models/bpe (word.rs, model.rs: behaviour). test
 * tests/unit/test_bpe.c */
#ifndef VQ_TEXT_BPE_H
#define VQ_TEXT_BPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "text/hash_table.h"

#define VQ_MAX_TOKENS                                                                              \
    (1 << 22) /* ids above are taken for a broken file: the largest public vocabulary has 2^18 */

/* One token: the bytes it stands for. data NULL: the id is not used. */
typedef struct vq_token {
    const uint8_t *data;
    size_t len;
    bool bytes; /* written in the byte alphabet; false: as it is (special tokens with spaces ...) */
} vq_token;

typedef struct vq_bpe {
    vq_token *tokens;     /* [size] by id */
    int64_t size;         /* largest id + 1 */
    int32_t byte_id[256]; /* token of one byte, -1 none */
    vq_hash merges;       /* left << 32 | right -> rank */
    int32_t *merged;      /* [ranks] token that a merge makes */
    bool ignore_merges, fuse_unk;
    int32_t unk;   /* -1 none */
    vq_hash words; /* hash of a token's bytes -> id; only with ignore_merges */
} vq_bpe;

/* vq_bpe_parse -- the `model` object and room for ids below `size_hint`. Keys of the object are
 * looked up, so it is not const; nothing of it is kept. VQ_E_INPUT: wrong types, ids out of range
 * or twice, merges of unknown tokens, a feature outside the subset by name. */
vq_status vq_bpe_parse(vq_bpe *b, json_t *model, int64_t size_hint, vq_arena *a, vq_err *e);
/* vq_bpe_set_token -- give id the text (token text: byte alphabet where possible). VQ_E_INPUT when
 * another token has the id. */
vq_status vq_bpe_set_token(vq_bpe *b, int64_t id, const char *text, vq_arena *a, vq_err *e);

/* Memory of one encoding: ids so far and scratch that grows with the longest word. */
typedef struct vq_bpe_symbol {
    int32_t id, prev, next; /* neighbours, -1 none; id -1: merged away */
} vq_bpe_symbol;
typedef struct vq_bpe_work {
    vq_arena *arena; /* borrowed; never rewound while in use */
    int32_t *ids;
    size_t count, room;
    vq_bpe_symbol *symbols;
    uint64_t *heap; /* rank << 32 | position of the left symbol */
    size_t heap_count, word_room;
} vq_bpe_work;

/* vq_bpe_emit -- append an id. */
vq_status vq_bpe_emit(vq_bpe_work *w, int32_t id, vq_err *e);
/* vq_bpe_word -- append the tokens of one pre-token of n bytes. O(n log n). VQ_E_LIMIT: out of
 * memory or n over 2^31. */
vq_status vq_bpe_word(const vq_bpe *b, vq_bpe_work *w, const uint8_t *text, size_t n, vq_err *e);

#endif
