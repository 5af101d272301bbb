/* match.h -- the patterns of rules: globs and regular expressions, each against a whole name. test
 * tests/unit/recipe/test_match.c */
#ifndef VQ_RECIPE_MATCH_H
#define VQ_RECIPE_MATCH_H

#include <stdbool.h>

#include "base/status.h"

/* vq_glob_match -- '*' any run (also of dots), '?' one byte, everything else itself. Linear memory,
 * at most quadratic time. */
bool vq_glob_match(const char *glob, const char *name);
/* vq_pattern_check -- VQ_E_RECIPE when "re:REGEX" does not compile or is longer than 1000 bytes. */
vq_status vq_pattern_check(const char *pattern, vq_err *e);
/* vq_pattern_match -- a glob, or "re:REGEX" (PCRE2, anchored at both ends). VQ_E_RECIPE: a million
 * steps give no answer. */
vq_status vq_pattern_match(const char *pattern, const char *name, bool *yes, vq_err *e);

#endif
