/* ct_args.h -- compressed-tensors' description of a number format ("weights", "input_activations")
 * to and from vq_num. Source: compressed-tensors 0.20. test
 * tests/unit/formats/test_artifact.c, tests/unit/formats/test_checkpoint.c */
#ifndef VQ_FORMATS_CT_CT_ARGS_H
#define VQ_FORMATS_CT_CT_ARGS_H

#include <jansson.h>

#include "base/num/num.h"

/* vq_ct_args_read -- one args object of a group stored as `format`. Float scales come out as f32:
 * their real type is that of the stored tensor. input: of an input. VQ_E_INPUT: what is unknown,
 * contradictory or not supported, by key. */
vq_status vq_ct_args_read(const json_t *args, const char *format, bool input, vq_num *out,
                          vq_err *e);
/* vq_ct_args_write -- every key, as compressed-tensors itself writes them. The number must be one
 * that a row of the format holds. New reference, NULL when there is no memory. */
json_t *vq_ct_args_write(const vq_num *n, bool input);

#endif
