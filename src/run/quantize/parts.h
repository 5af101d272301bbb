/* parts.h -- the finished parts (blocks, and what lies outside of them) of a run on disk, one
 * folder each in OUT.run, behind a vq_source: what a part holds is read from it, everything else
 * comes from below. Later blocks see what was written. test tests/unit/test_parts.c */
#ifndef VQ_RUN_QUANTIZE_PARTS_H
#define VQ_RUN_QUANTIZE_PARTS_H

#include "formats/layouts/stored_module.h"
#include "run/quantize/rounding.h"

typedef struct vq_part_files {
    vq_tensor_set set;
    bool open;
} vq_part_files;

typedef struct vq_parts {
    vq_source source; /* hand this to vq_exec */
    const vq_source *below;
    const char *dir; /* OUT.run */
    const vq_target *target;
    vq_part_files *files; /* [count] */
    int count;
    vq_stored_module *modules; /* of all finished parts */
    size_t nmodules;
    vq_arena *arena;
} vq_parts;

/* vq_parts_init -- count parts, at most max_modules modules in all; arrays from a. dir and below
 * are borrowed. */
vq_status vq_parts_init(vq_parts *p, const char *dir, const vq_source *below,
                        const vq_target *target, int count, size_t max_modules, vq_arena *a,
                        vq_err *e);
void vq_parts_close(vq_parts *p);
/* vq_parts_folder -- DIR/part-0007, from the arena. */
const char *vq_parts_folder(const vq_parts *p, int part, vq_err *e);
/* vq_parts_add -- open a finished part; n modules (names, sizes, scheme, arc_s) that it holds
 * beside tensors that are not quantized. VQ_E_INPUT: something is missing or has another shape. */
vq_status vq_parts_add(vq_parts *p, int part, const vq_module *modules, size_t n, vq_err *e);
/* vq_parts_global_scale -- the stored second-level scale of a finished module, NULL when it has
 * none; the scale that it holds in *global_scale. */
const vq_tensor *vq_parts_global_scale(const vq_parts *p, const char *module,
                                       vq_global_scale *global_scale);
/* vq_parts_assemble -- every tensor of the parts and those of the model that no part holds into the
 * final files in `dir`. instead (may be NULL): of tensors with these names, which have their types
 * and shapes, it is these that are written. Same bytes whatever was resumed. */
vq_status vq_parts_assemble(const vq_parts *p, const vq_plan *plan, const vq_job *job,
                            const vq_tensor_set *instead, const char *dir, vq_arena *a, vq_err *e);

#endif
