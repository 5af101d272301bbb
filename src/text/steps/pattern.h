/* pattern.h -- the `pattern` of Split and Replace: {"String": text} or {"Regex": text}, and the
 * pieces that it makes of a text. Internal to the tokenizer. Source: HF tokenizers
 * tokenizer/pattern.rs, crate onig (behaviour). test tests/unit/text/test_pattern.c */
#ifndef VQ_TEXT_PATTERN_H
#define VQ_TEXT_PATTERN_H

#include <jansson.h>

#include "base/arena.h"
#include "text/steps/regex_dialect.h"

typedef struct vq_pattern {
    const char *literal; /* of `len` bytes; NULL: a regular expression */
    size_t len;
    pcre2_code *re;
} vq_pattern;

/* vq_pattern_parse -- vq_pattern_done also after an error. VQ_E_INPUT: broken or empty */
vq_status vq_pattern_parse(vq_pattern *p, const json_t *o, vq_arena *a, vq_err *e);
/* vq_pattern_regex, vq_pattern_text -- from a text of the program; the text stays borrowed. */
vq_status vq_pattern_regex(vq_pattern *p, const char *regex, vq_err *e);
vq_pattern vq_pattern_text(const char *literal, size_t len);
void vq_pattern_done(vq_pattern *p);

/* Memory of searches for one pattern; done is safe on a zeroed one. */
vq_status vq_pattern_start(const vq_pattern *p, vq_regex_work *w, vq_effort *effort, vq_err *e);
void vq_pattern_stop(vq_regex_work *w);

/* A walk through a text: matches, and what lies between them. */
typedef struct vq_segments {
    const vq_pattern *p;
    vq_regex_work *work;
    const uint8_t *text;
    size_t n;
    size_t done;       /* handed out so far */
    size_t from;       /* where to search */
    size_t last;       /* end of the match before + 1, 0 none */
    size_t start, end; /* of the match that is held back behind what lies before it */
    bool held, over;
} vq_segments;
vq_segments vq_segments_of(const vq_pattern *p, vq_regex_work *work, const uint8_t *text, size_t n);
/* vq_segments_next -- *more: [*start, *end) is the next; *match. Empty matches come too, except
 * right behind a match. */
vq_status vq_segments_next(vq_segments *s, bool *more, size_t *start, size_t *end, bool *match,
                           vq_err *e);

#endif
