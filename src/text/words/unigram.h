/* unigram.h -- the best path of a word through pieces with scores. Internal to the tokenizer.
 * Source: HF tokenizers models/unigram (model.rs: behaviour). test
 * tests/unit/text/test_unigram.c */
#ifndef VQ_TEXT_UNIGRAM_H
#define VQ_TEXT_UNIGRAM_H

#include <jansson.h>

#include "text/words/trie.h"
#include "text/words/vocab.h"
#include "text/words/word_work.h"

#define VQ_MAX_PIECE 1024 /* bytes: bounds the work per byte of text */

typedef struct vq_unigram {
    const vq_vocab *vocab;
    vq_trie pieces; /* -> id */
    double *score;  /* [pieces] logarithms of probabilities */
    double unk_score;
    int32_t unk; /* -1 none */
    bool byte_fallback;
    int32_t byte_id[256]; /* token <0xHH> */
} vq_unigram;

/* vq_unigram_parse -- the `model` object; its vocabulary is in `vocab` already, which stays
 * borrowed. VQ_E_INPUT: wrong types, unk_id out of range. */
vq_status vq_unigram_parse(vq_unigram *u, json_t *model, const vq_vocab *vocab, vq_arena *a,
                           vq_err *e);
/* vq_unigram_word -- append the tokens of one word of n bytes of UTF-8. Time: n times the longest
 * piece. VQ_E_INPUT: an unknown character and no unknown token | VQ_E_LIMIT */
vq_status vq_unigram_word(const vq_unigram *u, vq_word_work *w, const uint8_t *text, size_t n,
                          vq_err *e);

#endif
