/* finish.h -- finishing passes: what is done to the quantized model as a whole, after all rounding.
 * They stand after `round` in a recipe; run carries them out (run/tune.h), because they see the
 * whole model. test tests/unit/quant/test_finish.c */
#ifndef VQ_QUANT_FINISH_H
#define VQ_QUANT_FINISH_H

#include "base/option.h"

typedef struct vq_finish {
    const char *name, *doc, *source;
    const vq_option *options; /* ends with name NULL */
} vq_finish;

extern const vq_finish vq_finish_tune;

/* vq_finish_find, vq_finish_at -- static entries of the registry by name or place; NULL: no such
 * one. */
const vq_finish *vq_finish_find(const char *name);
const vq_finish *vq_finish_at(int i); /* NULL past the end */

/* How `tune` trains. */
typedef struct vq_tune_options {
    int64_t steps, tokens; /* steps; tokens of a step, in whole samples */
    double
        rate; /* of the first step, in parts of a vector's root mean square or of a scale; it falls
               * linearly to 0 */
    bool vectors; /* norm weights, and biases where there are any */
    bool scales;  /* one factor on the second-level scale of every linear that has one */
} vq_tune_options;
/* vq_tune_options_of -- from the option set of the finishing pass `tune`. */
vq_tune_options vq_tune_options_of(const vq_option_set *s);

#endif
