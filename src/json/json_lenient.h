/* json_lenient.h -- JSON as Python's json module writes and reads it, which is what models come
 * with. Names decide bytes in the header and the index of safetensors, which stay strict
 * (json_walk.h). test tests/unit/json/test_json_lenient.c */
#ifndef VQ_JSON_JSON_LENIENT_H
#define VQ_JSON_JSON_LENIENT_H

#include <jansson.h>

#include "base/status.h"

/* vq_json_parse -- any value from n bytes. As in Python of equal keys the last one counts, and a
 * lone surrogate is a character. Beyond what the library can hold: NaN, Infinity and -Infinity are
 * strings of that name (so whoever wants a number refuses them), as are numbers that overflow; whole
 * numbers of more than 18 digits are reals; \u0000 is U+10FFFF, a lone surrogate U+FFFD. A byte order
 * mark at the start is left out. New reference in *v. VQ_E_INPUT: what is wrong and where. */
vq_status vq_json_parse(const char *text, size_t n, json_t **v, vq_err *e);
/* vq_json_parse_exact -- the same where each character of a text counts, as in a vocabulary:
 * \u0000 and a lone surrogate are VQ_E_INPUT. */
vq_status vq_json_parse_exact(const char *text, size_t n, json_t **v, vq_err *e);

/* vq_json_splice -- the object in `text` (one that vq_json_parse takes, *len bytes) with its member
 * `key` replaced by value, or with a new last member; not a byte of the others changes. *text is
 * freed and replaced; NUL-terminated. VQ_E_LIMIT: then it stays. */
vq_status vq_json_splice(char **text, size_t *len, const char *key, const json_t *value, vq_err *e);
/* vq_json_splice_in -- the same for a member of the member `outer`, which is an object. test
 * tests/cli/config_text.sh */
vq_status vq_json_splice_in(char **text, size_t *len, const char *outer, const char *key,
                            const json_t *value, vq_err *e);

#endif
