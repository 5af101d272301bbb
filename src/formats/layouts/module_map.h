/* module_map.h -- the quantized modules of an artifact: what the config says, matched with the
 * tensors that exist, every shape and type checked once. test
 * tests/unit/formats/test_checkpoint.c */
#ifndef VQ_FORMATS_LAYOUTS_MODULE_MAP_H
#define VQ_FORMATS_LAYOUTS_MODULE_MAP_H

#include "formats/layouts/stored_module.h"

typedef struct vq_module_map {
    const vq_target *target;
    vq_stored_module *modules; /* by name */
    size_t count;
    const char *note; /* what the config says and vq does not use; NULL */
} vq_module_map;

/* vq_module_map_new -- the modules of a folder that t owns (f borrowed only during the call).
 * Arrays from the arena. VQ_E_INPUT: quantized tensors that the config does not claim, claimed
 * modules that are dense or missing, a wrong type or shape, a tensor that the layout does not know.
 */
vq_status vq_module_map_new(vq_module_map **m, const vq_target *t, const vq_folder *f, vq_arena *a,
                            vq_err *e);
const vq_stored_module *vq_module_map_find(const vq_module_map *m, const char *module); /* NULL */

/* For the read_config of targets. vq_suffix_of -- the end of a tensor's name behind the last dot,
 * borrowed; "" without one. vq_module_of -- what stands before it; NULL: no memory. */
const char *vq_suffix_of(const char *name);
char *vq_module_of(const char *name, vq_arena *a, vq_err *e);
/* vq_holds_codes -- a tensor that only a quantized module has. */
bool vq_holds_codes(const vq_tensor *t);

#endif
