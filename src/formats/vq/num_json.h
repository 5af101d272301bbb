/* num_json.h -- a number format as an object of the vq format's config: the keys and words of the
 * recipe grammar. test tests/unit/formats/test_num_json.c */
#ifndef VQ_FORMATS_VQ_NUM_JSON_H
#define VQ_FORMATS_VQ_NUM_JSON_H

#include <jansson.h>

#include "base/num/num.h"

/* vq_num_write -- what decoding and computing need; how the range was observed is the recipe's
 * business. New reference, NULL: no memory. */
json_t *vq_num_write(const vq_num *n);
/* vq_num_read -- strict: VQ_E_INPUT names the unknown key or word. */
vq_status vq_num_read(const json_t *o, vq_num *out, vq_err *e);

#endif
