/* bpe.h -- byte-pair merging of one word. Internal to the tokenizer.
 * Source: HF tokenizers models/bpe (word.rs, model.rs: behaviour). test
 * tests/unit/text/test_bpe.c */
#ifndef VQ_TEXT_BPE_H
#define VQ_TEXT_BPE_H

#include <jansson.h>
#include <stdbool.h>

#include "text/words/vocab.h"
#include "text/words/word_work.h"

#define VQ_NEAR_CHARS 512 /* code points whose tokens are in a plain table */
#define VQ_MAX_AFFIX 64   /* bytes */

typedef struct vq_bpe {
    const vq_vocab *vocab;
    int32_t near[VQ_NEAR_CHARS]; /* token of one character, -1 none */
    vq_hash far;                 /* the same of other characters */
    int32_t byte_id[256];        /* token <0xHH> */
    vq_hash merges;              /* left << 32 | right -> rank */
    int32_t *merged;             /* [ranks] token that a merge makes */
    bool ignore_merges, fuse_unk, byte_fallback;
    int32_t unk;                   /* -1 none */
    char prefix[VQ_MAX_AFFIX + 1]; /* of every character but the first */
    char suffix[VQ_MAX_AFFIX + 1]; /* of the last */
    size_t prefix_len, suffix_len;
} vq_bpe;

/* vq_bpe_parse -- the `model` object; its vocabulary is in `vocab` already, which stays borrowed.
 * VQ_E_INPUT: wrong types, merges of unknown tokens, a feature outside the subset by name. */
vq_status vq_bpe_parse(vq_bpe *b, json_t *model, const vq_vocab *vocab, vq_arena *a, vq_err *e);
/* vq_bpe_word -- append the tokens of one word of n bytes of UTF-8. O(n log n). VQ_E_LIMIT: out of
 * memory or n over 2^28. */
vq_status vq_bpe_word(const vq_bpe *b, vq_word_work *w, const uint8_t *text, size_t n, vq_err *e);

#endif
