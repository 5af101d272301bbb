/* pretokenize.h -- the `pre_tokenizer` object: cut text into words. Internal to the tokenizer.
 * Source: HF tokenizers pre_tokenizers/{byte_level,split,digits,sequence}.rs (behaviour). test
 * tests/unit/test_pretokenize.c */
#ifndef VQ_TEXT_PRETOKENIZE_H
#define VQ_TEXT_PRETOKENIZE_H

#include <jansson.h>

#include "base/arena.h"
#include "text/regex_dialect.h"

#define VQ_MAX_SPLITS 16

typedef struct vq_split {
    bool prefix_space; /* put a space in front of what does not begin with one */
    pcre2_code
        *re; /* every match and what lies between matches is a piece of its own; NULL: do not cut */
} vq_split;

typedef struct vq_pretokenizer {
    vq_split split[VQ_MAX_SPLITS]; /* each cuts the pieces of the one before */
    int count;
} vq_pretokenizer;

/* vq_pretokenizer_parse -- p zeroed; vq_pretokenizer_done also after an error. VQ_E_INPUT: broken,
 * or a type or option outside the subset, by name. */
vq_status vq_pretokenizer_parse(vq_pretokenizer *p, const json_t *o, vq_err *e);
void vq_pretokenizer_done(vq_pretokenizer *p);

/* What one encoding needs while it cuts. */
typedef struct vq_cutter {
    const vq_pretokenizer *p;
    vq_regex_work work[VQ_MAX_SPLITS];
    uint64_t steps;
    vq_arena *scratch; /* borrowed */
    vq_status (*word)(void *ctx, const uint8_t *text, size_t n, vq_err *e);
    void *ctx;
} vq_cutter;
/* vq_cutter_init -- for a text of n bytes; word and ctx are the caller's to set. vq_cutter_done
 * also after an error. */
vq_status vq_cutter_init(vq_cutter *c, const vq_pretokenizer *p, size_t n, vq_arena *scratch,
                         vq_err *e);
void vq_cutter_done(vq_cutter *c);
/* vq_cut -- hand the words of a piece of valid UTF-8 to c->word, in order. */
vq_status vq_cut(vq_cutter *c, const uint8_t *text, size_t n, vq_err *e);

#endif
