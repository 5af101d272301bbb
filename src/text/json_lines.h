/* json_lines.h -- a file of JSON objects, one a line; blank lines are passed over. Only the line
 * that is asked for is parsed. test tests/unit/text/test_json_lines.c,
 * tests/fuzz/test_fuzz_json_lines.c
 */
#ifndef VQ_TEXT_JSON_LINES_H
#define VQ_TEXT_JSON_LINES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"

#define VQ_JSON_LINE_MAX ((size_t)16 << 20) /* bytes of one line */

typedef struct vq_json_span {
    size_t start, len; /* bytes */
    size_t number;     /* of the line, from 1 */
} vq_json_span;

typedef struct vq_json_lines {
    const char *name; /* for messages, borrowed */
    const char *text; /* borrowed */
    vq_json_span *lines;
    size_t count;
} vq_json_lines;

/* vq_json_lines_find -- where the lines of len bytes are; a byte order mark at the start is passed
 * over. Memory from a. */
vq_status vq_json_lines_find(vq_json_lines *l, const char *name, const char *text, size_t len,
                             vq_arena *a, vq_err *e);
/* vq_json_line -- parse line i (from 0, below count). New reference in *v. VQ_E_INPUT "NAME:LINE >
 * cause": not UTF-8, broken JSON, a key twice, no object, too long. VQ_E_LIMIT: no memory. */
vq_status vq_json_line(const vq_json_lines *l, size_t i, json_t **v, vq_err *e);

/* vq_json_lines_likely -- is the first of the lines in len bytes an object as calibration takes them,
 * with "text" or "messages"? */
bool vq_json_lines_likely(const char *text, size_t len);

#endif
