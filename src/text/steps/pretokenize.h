/* pretokenize.h -- the `pre_tokenizer` object: cut text into words. One row per kind in
 * pretokenize.c. Internal to the tokenizer. Source: HF tokenizers pre_tokenizers/,
 * tokenizer/normalizer.rs (split; behaviour). test tests/unit/text/test_pretokenize.c */
#ifndef VQ_TEXT_PRETOKENIZE_H
#define VQ_TEXT_PRETOKENIZE_H

#include "text/steps/kind.h"
#include "text/steps/pattern.h"
#include "text/steps/piece.h"

/* What becomes of matches. */
typedef enum vq_behavior {
    VQ_REMOVED,
    VQ_ISOLATED,
    VQ_WITH_PREVIOUS,
    VQ_WITH_NEXT,
    VQ_CONTIGUOUS
} vq_behavior;
typedef enum vq_prepend { VQ_SPACE_ALWAYS, VQ_SPACE_FIRST, VQ_SPACE_NEVER } vq_prepend;

struct vq_cutter;
typedef struct vq_split {
    vq_status (*run)(struct vq_cutter *c, int level, vq_piece p, vq_err *e);
    vq_pattern pattern;
    vq_behavior behavior;
    bool invert;
    char mark[5]; /* Metaspace: what stands for a space, and when one is put in front */
    size_t mark_len;
    vq_prepend prepend;
} vq_split;

typedef struct vq_pretokenizer {
    vq_split split[VQ_MAX_STEPS]; /* each cuts the pieces of the one before */
    int count;
} vq_pretokenizer;

/* vq_pretokenizer_parse -- p zeroed, o may be null; p must not move afterwards;
 * vq_pretokenizer_done also after an error. VQ_E_INPUT: broken, or a type or option outside the
 * subset, by name. */
vq_status vq_pretokenizer_parse(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e);
void vq_pretokenizer_done(vq_pretokenizer *p);

/* What one encoding needs while it cuts. */
typedef struct vq_cutter {
    const vq_pretokenizer *p;
    vq_regex_work work[VQ_MAX_STEPS];
    vq_effort *effort;
    size_t *left;      /* bytes that may still be written for the whole text */
    vq_arena *scratch; /* borrowed */
    vq_status (*word)(void *ctx, const uint8_t *text, size_t n, vq_err *e);
    void *ctx;
} vq_cutter;
/* vq_cutter_init -- word and ctx are the caller's to set; left:
 * bytes, both for the whole text. vq_cutter_done also after an error. */
vq_status vq_cutter_init(vq_cutter *c, const vq_pretokenizer *p, vq_effort *effort, size_t *left,
                         vq_arena *scratch, vq_err *e);
void vq_cutter_done(vq_cutter *c);
/* vq_cut -- hand the words of a piece of valid UTF-8 to c->word, in order. */
vq_status vq_cut(vq_cutter *c, vq_piece p, vq_err *e);
/* vq_cut_on -- hand a piece to what stands behind level; empty ones are dropped. */
vq_status vq_cut_on(vq_cutter *c, int level, vq_piece p, vq_err *e);

/* The ways to cut; rows of the table set one of them (cut.c). */
vq_status vq_cut_pattern(vq_cutter *c, int level, vq_piece p, vq_err *e);
vq_status vq_cut_space_in_front(vq_cutter *c, int level, vq_piece p, vq_err *e);
vq_status vq_cut_mark_spaces(vq_cutter *c, int level, vq_piece p, vq_err *e);
vq_status vq_cut_to_letters(vq_cutter *c, int level, vq_piece p, vq_err *e);

#endif
