/* pieces.h -- tokens to text as they come: whole characters only. test tests/unit/run/test_pieces.c
 */
#ifndef VQ_RUN_GENERATE_PIECES_H
#define VQ_RUN_GENERATE_PIECES_H

#include "text/tokenizer.h"

/* Tokens [from, shown) are the context in which the next ones are decoded: some decoders drop a
 * blank at the start. Source: the streaming decoders of text-generation-inference and vLLM. */
typedef struct vq_pieces {
    const vq_tokenizer *tokenizer;
    size_t from, shown;
} vq_pieces;

/* vq_pieces_start -- behind a prompt of n tokens, none of which are shown. */
vq_pieces vq_pieces_start(const vq_tokenizer *t, size_t n);
/* vq_pieces_next -- text that tokens [shown, n) of ids add, without special tokens; *len 0 while a
 * character is not whole (the last call shows what there is, U+FFFD for what never became one). Ids
 * that the tokenizer has no token for add nothing. Text from a. */
vq_status vq_pieces_next(vq_pieces *p, const int32_t *ids, size_t n, bool last, vq_arena *a,
                         const char **text, size_t *len, vq_err *e);

#endif
