/* json_load.h -- the library's parser, with memory that ends told from text that is wrong: the
 * library itself mostly calls both broken text. test tests/unit/json/test_json_lenient.c */
#ifndef VQ_JSON_JSON_LOAD_H
#define VQ_JSON_JSON_LOAD_H

#include <jansson.h>

#include "base/status.h"

/* vq_json_load -- json_loadb, and the parse's way of saying what is wrong: a new reference in *v;
 * VQ_E_LIMIT: no memory; VQ_E_INPUT: see cause, nothing is said in e. */
vq_status vq_json_load(const char *text, size_t n, size_t flags, json_t **v, json_error_t *cause,
                       vq_err *e);
/* vq_json_cause -- what is wrong, without the names of the library's flags; borrowed. */
const char *vq_json_cause(const json_error_t *cause);

#endif
