/* tokenizer.h -- tokenizer.json: byte-level BPE with the pre-tokenizers of GPT-2, Llama 3, Qwen
 * 2/3, SmolLM2. Libraries: PCRE2, utf8proc.
 *   normalizer      null, NFC, a Sequence of these
 *   pre_tokenizer   ByteLevel, alone or last in a Sequence behind Split (Isolated; Regex or
 *                   String) and Digits
 *   model           BPE with ignore_merges, unk_token, fuse_unk; merges as "a b" or [a, b]
 *   post_processor  null, ByteLevel, TemplateProcessing (single text), a Sequence of these
 *   added_tokens    special or not, normalized, lstrip, rstrip, single_word
 * Everything else is refused by name. Truncation, padding and decoder are passed over. Letters and
 * digits are those of the Unicode version of the installed libraries (Debian 12: 14 and 15). Time
 * is n log n in the text whatever text and file; a pattern that backtracks too much is an error.
 * Source: HF tokenizers (behaviour). test tests/unit/test_tokenizer.c,
 * tests/golden/test_golden_tokenizer.c, tests/fuzz/test_fuzz_tokenizer.c */
#ifndef VQ_TEXT_TOKENIZER_H
#define VQ_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct vq_tokenizer vq_tokenizer;

/* vq_tokenizer_open -- PATH of tokenizer.json. VQ_E_INPUT: broken, or a feature outside the subset,
 * by name. */
vq_status vq_tokenizer_open(vq_tokenizer **t, const char *path, vq_err *e);
void vq_tokenizer_free(vq_tokenizer *t);
/* vq_tokenizer_encode -- UTF-8 text to ids as the tokenizers library gives them. special: add what
 * the post-processor adds (BOS). VQ_E_INPUT with the byte offset when the text is not UTF-8. ids
 * from the arena. */
vq_status vq_tokenizer_encode(const vq_tokenizer *t, const char *text, size_t len, bool special,
                              vq_arena *a, int32_t **ids, size_t *n, vq_err *e);
/* vq_tokenizer_adds_bos -- id of the token that the post-processor puts first, -1 when none. */
int64_t vq_tokenizer_adds_bos(const vq_tokenizer *t);
/* vq_tokenizer_decode -- ids to text bytes (byte-level), for generated text. */
vq_status vq_tokenizer_decode(const vq_tokenizer *t, const int32_t *ids, size_t n, vq_arena *a,
                              char **text, size_t *len, vq_err *e);
int64_t vq_tokenizer_size(const vq_tokenizer *t);

#endif
