/* normalize.h -- the `normalizer` object: a list of steps that rewrite text. One row per kind in
 * normalize.c. Internal to the tokenizer. Source: HF tokenizers normalizers/ (behaviour). test
 * tests/unit/text/test_normalize.c */
#ifndef VQ_TEXT_NORMALIZE_H
#define VQ_TEXT_NORMALIZE_H

#include <stdbool.h>

#include "text/steps/charsmap.h"
#include "text/steps/kind.h"
#include "text/steps/normal_form.h"
#include "text/steps/pattern.h"
#include "text/steps/piece.h"
#include "text/steps/sink.h"

struct vq_normal_kind;

typedef struct vq_normal_step {
    const struct vq_normal_kind *kind;
    vq_pattern pattern;  /* Replace */
    const char *content; /* Replace, Prepend */
    size_t content_len;
    bool left, right; /* Strip */
    vq_charsmap map;  /* Precompiled */
} vq_normal_step;

typedef struct vq_normalizer {
    vq_normal_step step[VQ_MAX_STEPS];
    int count;
} vq_normalizer;

/* vq_normalizer_parse -- n zeroed, o may be null; texts from the arena; vq_normalizer_done also
 * after an error. VQ_E_INPUT: broken, or a type or option outside the subset, by name */
vq_status vq_normalizer_parse(vq_normalizer *n, json_t *o, vq_arena *a, vq_err *e);
void vq_normalizer_done(vq_normalizer *n);

typedef struct vq_normal_work {
    vq_arena *scratch; /* borrowed; what comes out lives here */
    vq_effort *effort; /* for the whole text */
    size_t *left;      /* bytes that may still be written for the whole text */
} vq_normal_work;
/* vq_normalize -- the piece becomes its normalized self. VQ_E_INPUT: a map or an expression that
 * fails | VQ_E_LIMIT: memory, or text that grows beyond the limit */
vq_status vq_normalize(const vq_normalizer *n, const vq_normal_work *w, vq_piece *p, vq_err *e);

/* What single characters become; rows of the table (normal_chars.c). */
vq_status vq_char_lower(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_no_mark(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_no_accent(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_nmt(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_clean(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_chinese(int32_t c, vq_sink *out, vq_err *e);
vq_status vq_char_bytes(int32_t c, vq_sink *out, vq_err *e);

#endif
