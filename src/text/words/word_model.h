/* word_model.h -- the `model` object: what turns a word into tokens. One row per kind in
 * word_model.c. Internal to the tokenizer. */
#ifndef VQ_TEXT_WORD_MODEL_H
#define VQ_TEXT_WORD_MODEL_H

#include "text/words/bpe.h"
#include "text/words/unigram.h"

struct vq_model_kind;

typedef struct vq_word_model {
    const struct vq_model_kind *kind;
    vq_vocab vocab;
    vq_bpe bpe;
    vq_unigram unigram;
} vq_word_model;

/* vq_word_model_parse -- with room in the vocabulary for ids below size_hint. Nothing of o is kept;
 * m must not move afterwards. VQ_E_INPUT: broken, or a type or option outside the subset, by name |
 * VQ_E_LIMIT */
vq_status vq_word_model_parse(vq_word_model *m, json_t *o, int64_t size_hint, vq_arena *a,
                              vq_err *e);
/* vq_model_word -- append the tokens of one word, n > 0 bytes of UTF-8. */
vq_status vq_model_word(const vq_word_model *m, vq_word_work *w, const uint8_t *text, size_t n,
                        vq_err *e);

#endif
