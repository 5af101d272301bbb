/* added_tokens.h -- tokens that are cut out of the text before anything else: leftmost, longest,
 * with their stripping rules. Internal to the tokenizer. Source: HF tokenizers added_vocabulary.rs
 * (behaviour). test tests/unit/text/test_added_tokens.c */
#ifndef VQ_TEXT_ADDED_TOKENS_H
#define VQ_TEXT_ADDED_TOKENS_H

#include <jansson.h>
#include <stdbool.h>

#include "text/words/trie.h"

#define VQ_MAX_ADDED_LEN 1024 /* bytes: bounds the work per byte of text */

typedef struct vq_added {
    const char *text; /* as the file has it */
    size_t len;
    const char *look; /* what is looked for: the text, normalized when `normalized` */
    size_t look_len;
    int32_t id;
    bool special, single_word, lstrip, rstrip;
    bool normalized; /* looked for after normalization; false: in the text as it came */
} vq_added;

typedef struct vq_added_set {
    const vq_added *list; /* borrowed */
    vq_trie trie;         /* -> index into list */
} vq_added_set;

/* vq_added_parse -- the `added_tokens` array; *list and texts from the arena. VQ_E_INPUT: wrong
 * types, text twice, text too long. */
vq_status vq_added_parse(const json_t *array, vq_added **list, size_t *n, vq_arena *a, vq_err *e);
/* vq_added_index -- the tree of those tokens of the list whose `normalized` is as given. */
vq_status vq_added_index(vq_added_set *s, const vq_added *list, size_t n, bool normalized,
                         vq_arena *a, vq_err *e);

/* Where a walk through one text stands; all zero at its start. */
typedef struct vq_added_cursor {
    size_t search;   /* where to look for the next token */
    size_t plain;    /* where text not yet handed out begins */
    int32_t held;    /* token found behind a plain piece: index + 1 */
    size_t held_end; /* and where it ends */
} vq_added_cursor;
/* vq_added_next -- the next piece [*start, *end) of the text: a token (*id) or text between tokens
 * (*id -1). false: no more. */
bool vq_added_next(const vq_added_set *s, const uint8_t *text, size_t len, vq_added_cursor *at,
                   size_t *start, size_t *end, int32_t *id);

#endif
