/* module_map.h -- the quantized modules of an artifact: what the config says, matched with the
 * tensors that exist, every shape and type checked once. test tests/unit/test_checkpoint.c */
#ifndef VQ_FORMATS_LAYOUTS_MODULE_MAP_H
#define VQ_FORMATS_LAYOUTS_MODULE_MAP_H

#include "formats/layouts/layout.h"

typedef struct vq_stored_module {
    vq_linear linear; /* complete but for the bias */
    const vq_layout *layout;
    const vq_tensor *tensors[VQ_LAYOUT_FIELDS]; /* by field of the layout, NULL: not there */
} vq_stored_module;

typedef struct vq_module_map {
    vq_format format;
    vq_stored_module *modules; /* by name */
    size_t count;
    const char *note; /* what the config says and vq does not use; NULL */
} vq_module_map;

/* vq_module_map_new -- from quantization_config (borrowed only during the call) and the tensors.
 * Arrays from the arena. VQ_E_INPUT: quantized tensors that the config does not claim, claimed
 * modules that are dense or missing, a wrong type or shape, a tensor that the layout does not know.
 */
vq_status vq_module_map_new(vq_module_map **m, const json_t *q, const vq_tensor_set *set,
                            vq_arena *a, vq_err *e);
const vq_stored_module *vq_module_map_find(const vq_module_map *m, const char *module); /* NULL */

/* vq_stored_fill -- check the tensors of one module and fill its linear. s->linear has name and
 * scheme; arc_s, n and k where the config tells them (0: from the tensors). */
vq_status vq_stored_fill(vq_stored_module *s, const vq_tensor_set *set, vq_arena *a, vq_err *e);
/* vq_stored_rows -- vq_source.rows. */
vq_status vq_stored_rows(const vq_stored_module *s, int64_t r0, int64_t count, vq_qtensor *out,
                         vq_arena *a, vq_err *e);

/* The two readers of the config behind vq_module_map_new. */
vq_status vq_module_map_ct(vq_module_map *m, const json_t *q, const vq_tensor_set *set, vq_arena *a,
                           vq_err *e);
vq_status vq_module_map_own(vq_module_map *m, const json_t *q, const vq_tensor_set *set,
                            vq_arena *a, vq_err *e);

#endif
