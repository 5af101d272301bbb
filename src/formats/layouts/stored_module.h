/* stored_module.h -- one quantized module of an artifact: its tensors, and its rows in canonical
 * order. test tests/unit/formats/test_checkpoint.c, tests/golden/test_golden_ct.c */
#ifndef VQ_FORMATS_LAYOUTS_STORED_MODULE_H
#define VQ_FORMATS_LAYOUTS_STORED_MODULE_H

#include "formats/target.h"

typedef struct vq_stored_module {
    const vq_target *target;
    const vq_layout *layout;                    /* of the target */
    vq_linear linear;                           /* complete but for the bias */
    const vq_tensor *tensors[VQ_LAYOUT_FIELDS]; /* by field of the layout, NULL: not there */
    const char *stack; /* the tensor of three dimensions that it is a matrix of when dense: each of
                        * its matrices transposed; NULL: none */
} vq_stored_module;

/* vq_stored_fill -- check the tensors of one module and fill its linear. s has target and layout,
 * the tensors of a stack already;
 * s->linear has name and scheme; arc_s, n and k where the config tells them (0: from the tensors).
 */
vq_status vq_stored_fill(vq_stored_module *s, const vq_tensor_set *set, vq_arena *a, vq_err *e);
/* vq_stored_rows -- vq_source.rows. */
vq_status vq_stored_rows(const vq_stored_module *s, int64_t r0, int64_t count, vq_qtensor *out,
                         vq_arena *a, vq_err *e);

#endif
