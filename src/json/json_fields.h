/* json_fields.h -- reading fields of a JSON object whose type is checked. */
#ifndef VQ_JSON_JSON_FIELDS_H
#define VQ_JSON_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

/* vq_json_flag -- a boolean field; def when missing or null. VQ_E_INPUT names the field when it is
 * something else. */
vq_status vq_json_flag(const json_t *object, const char *name, bool def, bool *out, vq_err *e);
/* vq_json_text -- a string field, borrowed from the object. VQ_E_INPUT names the field when it is
 * missing or something else. */
vq_status vq_json_text(const json_t *object, const char *name, const char **out, vq_err *e);

#endif
