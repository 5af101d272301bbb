/* written.h -- what a run has written so far, in sections: one of each block and one of what lies
 * outside of blocks, a folder each in OUT.run, behind a vq_source: what a section holds is read
 * from it, everything else
 * comes from below. Later blocks see what was written. test tests/unit/formats/test_written.c */
#ifndef VQ_RUN_STORE_WRITTEN_H
#define VQ_RUN_STORE_WRITTEN_H

#include "formats/layouts/module_map.h"
#include "run/store/rounding.h"

typedef struct vq_written_files {
    vq_tensor_set set;
    bool open;
} vq_written_files;

typedef struct vq_written {
    vq_source source; /* hand this to vq_exec */
    const vq_source *below;
    const char *dir; /* OUT.run */
    const vq_target *target;
    vq_written_files *files; /* [count] */
    int count;
    vq_stored_module *modules; /* of all finished sections */
    size_t nmodules;
    vq_arena *arena;
} vq_written;

/* vq_written_init -- count sections, at most max_modules modules in all; arrays from a. dir and
 * below
 * are borrowed. */
vq_status vq_written_init(vq_written *p, const char *dir, const vq_source *below,
                          const vq_target *target, int count, size_t max_modules, vq_arena *a,
                          vq_err *e);
void vq_written_close(vq_written *p);
void vq_written_forget(const vq_written *p); /* vq_tensor_set_forget of all sections */
/* vq_written_folder -- DIR/part-0007, from the arena. */
const char *vq_written_folder(const vq_written *p, int section, vq_err *e);
/* vq_written_add -- open a finished section; n modules (names, sizes, scheme, arc_s) that it holds
 * beside kept tensors. VQ_E_INPUT: something is missing or has another shape. */
vq_status vq_written_add(vq_written *p, int section, const vq_module *modules, size_t n, vq_err *e);
/* vq_written_global_scale -- the stored second-level scale of a finished module, NULL when it has
 * none; the scale that it holds in *global_scale. */
const vq_tensor *vq_written_global_scale(const vq_written *p, const char *module,
                                         vq_global_scale *global_scale);
/* vq_written_assemble -- every tensor of the sections and the kept ones of the model into the final
 * files in `dir`. instead (may be NULL): of tensors with these names, which have their types and
 * shapes, it is these that are written. Same bytes whatever was resumed. */
vq_status vq_written_assemble(const vq_written *p, const vq_plan *plan, const vq_job *job,
                              const vq_tensor_set *instead, const char *dir, vq_arena *a,
                              vq_err *e);

#endif
