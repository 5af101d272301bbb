/* tokenizer.h -- tokenizer.json: byte-level BPE, BPE with byte fallback and Unigram models, as the
 * families of docs/tokenizers.md write them. Libraries: PCRE2, utf8proc.
 *   normalizer      rows of steps/normalize.c
 *   pre_tokenizer   rows of steps/pretokenize.c
 *   model           rows of words/word_model.c; BPE without dropout, merges as "a b" or [a, b]
 *   post_processor  rows of steps/post_process.c
 *   decoder         rows of steps/decode.c
 *   added_tokens    special or not, normalized, lstrip, rstrip, single_word
 * Each but the model null or a Sequence too. Everything else is refused by name. Truncation and
 * padding are passed over. Letters and digits are those of the Unicode version of the installed
 * libraries (Debian 12: 14 and 15). Time is n log n in the text whatever text and file; a pattern
 * that backtracks or looks ahead too much and a normalizer that blows the text up are errors.
 * Source: HF tokenizers (behaviour). test tests/unit/text/test_tokenizer.c, tests/text/,
 * tests/golden/test_golden_tokenizer.c, tests/fuzz/test_fuzz_tokenizer.c */
#ifndef VQ_TEXT_TOKENIZER_H
#define VQ_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/reporter.h"

typedef struct vq_tokenizer vq_tokenizer;

/* vq_tokenizer_open -- PATH of tokenizer.json. VQ_E_INPUT: broken, or a feature outside the subset,
 * by name. */
vq_status vq_tokenizer_open(vq_tokenizer **t, const char *path, vq_err *e);
void vq_tokenizer_free(vq_tokenizer *t);
/* vq_tokenizer_heed -- encoding and decoding leave with VQ_E_STOPPED when w says so. */
void vq_tokenizer_heed(vq_tokenizer *t, const vq_reporter *w);
/* vq_tokenizer_encode -- UTF-8 text to ids as the tokenizers library gives them. special: add what
 * the post-processor adds (BOS). VQ_E_INPUT with the byte offset when the text is not UTF-8; when a
 * character has no token and the model no unknown token. VQ_E_LIMIT: memory, or text that grows to
 * more than 32 times its size. VQ_E_INPUT too: it takes more than
 * 0.5 ms and 2 us per byte and what is left of the 0.5 s that all texts of a tokenizer have
 * together. One thread at a time. ids from the arena. */
vq_status vq_tokenizer_encode(const vq_tokenizer *t, const char *text, size_t len, bool special,
                              vq_arena *a, int32_t **ids, size_t *n, vq_err *e);
/* vq_tokenizer_adds_bos -- id of the token that the post-processor puts first, -1 when none. */
int64_t vq_tokenizer_adds_bos(const vq_tokenizer *t);
/* vq_tokenizer_decode -- ids to UTF-8 text through the decoder; skip_special: leave special tokens
 * out. Text and its end (a zero byte behind len) from the arena. VQ_E_INPUT: an id without a token
 */
vq_status vq_tokenizer_decode(const vq_tokenizer *t, const int32_t *ids, size_t n,
                              bool skip_special, vq_arena *a, char **text, size_t *len, vq_err *e);
/* vq_tokenizer_token -- what the vocabulary calls a token that it knows, for people; borrowed, len
 * bytes. */
const char *vq_tokenizer_token(const vq_tokenizer *t, int32_t id, size_t *len);
/* vq_tokenizer_knows -- is there a token of this id? Vocabularies of models are often larger. */
bool vq_tokenizer_knows(const vq_tokenizer *t, int32_t id);
int64_t vq_tokenizer_size(const vq_tokenizer *t);

#endif
