/* overlay.h -- a vq_source over another one in which some tensors are replaced: edited weights
 * (f32) and quantized linears of the block under work. What is not replaced comes from below. Names
 * are borrowed like values. test tests/unit/edit/test_overlay.c */
#ifndef VQ_EDIT_OVERLAY_H
#define VQ_EDIT_OVERLAY_H

#include "base/exchange/source.h"

typedef struct vq_overlay_entry vq_overlay_entry;
typedef struct vq_overlay {
    vq_source source; /* hand this to vq_exec */
    const vq_source *below;
    vq_overlay_entry *entries;
    int count, room;
    vq_arena *arena; /* of the entries only; values are borrowed */
} vq_overlay;

/* vq_overlay_init -- nothing replaced yet; room: most entries (tensors, linears, Hadamards) at a
 * time. */
vq_status vq_overlay_init(vq_overlay *o, const vq_source *below, int room, vq_arena *a, vq_err *e);
/* vq_overlay_dense -- tensor `name` is w (f32, borrowed, shape of ndim dimensions). Again for the
 * same name: replaces. A linear whose ".weight" (or ".bias") is replaced is seen with it: dense
 * again if it was quantized, here or below; a module that is not below at all (the untied lm_head)
 * becomes a linear. VQ_E_BUG: no room left. */
vq_status vq_overlay_dense(vq_overlay *o, const char *name, const float *w, const int64_t *shape,
                           int ndim, vq_err *e);
/* vq_overlay_hadamard -- the linear `module` reads its input through map-like operations of the
 * runtime although it is not (yet) quantized: an online Hadamard of this block size (0: none). */
vq_status vq_overlay_hadamard(vq_overlay *o, const char *module, int64_t block, vq_err *e);
/* vq_overlay_quantized -- the linear is l, its rows are those of q (canonical, augmented for ARC as
 * it will be stored); both borrowed. A ".bias" replaced by vq_overlay_dense is seen here too. */
vq_status vq_overlay_quantized(vq_overlay *o, const vq_linear *l, const vq_qtensor *q, vq_err *e);
/* vq_overlay_values -- the i-th entry's f32 values, its name and shape in t; NULL when it replaces
 * no dense tensor. */
const float *vq_overlay_values(const vq_overlay *o, int i, vq_tensor *t);
/* vq_overlay_clear -- nothing is replaced any more. */
void vq_overlay_clear(vq_overlay *o);

#endif
