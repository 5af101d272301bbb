/* kind.h -- parts of a tokenizer that are chosen by name: {"type": NAME, ...}, one row of a table
 * each, alone or in a Sequence. Internal to the tokenizer. test tests/unit/text/test_tokenizer.c */
#ifndef VQ_TEXT_KIND_H
#define VQ_TEXT_KIND_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

#define VQ_MAX_STEPS 32 /* parts of one sort in one tokenizer */

/* vq_kind_find -- the row whose first member, a string, is `type`. Rows are `stride` bytes apart;
 * known rows are named in the error. VQ_E_INPUT: there is none */
vq_status vq_kind_find(const char *type, const void *rows, size_t count, size_t stride,
                       const void **row, vq_err *e);

typedef vq_status (*vq_kind_visit)(void *ctx, json_t *part, const char *type, vq_err *e);
/* vq_kind_each -- visit the part, or when it is a Sequence every member of its array `list`,
 * Sequences inside too; null: nothing. Errors of a visit get the type in front. VQ_E_INPUT: broken,
 * or Sequences more than 8 deep */
vq_status vq_kind_each(json_t *part, const char *list, vq_kind_visit visit, void *ctx, vq_err *e);

#endif
