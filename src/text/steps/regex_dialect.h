/* regex_dialect.h -- regular expressions of tokenizer.json are written for Oniguruma; this compiles
 * them for PCRE2 with the same meaning. test tests/unit/text/test_regex_dialect.c */
#ifndef VQ_TEXT_REGEX_DIALECT_H
#define VQ_TEXT_REGEX_DIALECT_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>

#include "text/effort.h"

#define VQ_MAX_PATTERN 8192

/* vq_regex_compile -- a pattern. *re is freed with
 * pcre2_code_free.
 *   VQ_E_INPUT: no valid pattern, or a construct that the two engines read differently, by name. */
vq_status vq_regex_compile(const char *pattern, pcre2_code **re, vq_err *e);

/* A search with a bound on backtracking, so that no pattern and no text make it run for ever. */
typedef struct vq_regex_work {
    pcre2_match_data *data;
    pcre2_match_context *context;
    vq_effort *effort; /* of the whole text, shared by all its searches */
} vq_regex_work;
/* vq_regex_find -- first match at or behind `from` of valid UTF-8: [*start, *end), *found.
 * VQ_E_INPUT: the pattern takes too many steps, or too long. */
vq_status vq_regex_find(const pcre2_code *re, vq_regex_work *w, const uint8_t *text, size_t len,
                        size_t from, bool *found, size_t *start, size_t *end, vq_err *e);

#endif
