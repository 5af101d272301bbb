/* edited.h -- the model's tensors as f32 with their edits applied, one at a time or a part of the
 * graph at a time. test tests/unit/edit/test_edited.c */
#ifndef VQ_EDIT_EDITED_H
#define VQ_EDIT_EDITED_H

#include "base/exchange/edit.h"
#include "edit/overlay.h"
#include "kernels/kernels.h"
#include "model/graph.h"

typedef struct vq_edited {
    const vq_graph *graph;
    const vq_source *source; /* the model as it is stored */
    const vq_kernels *kernels;
    const vq_edits *edits;
} vq_edited;

/* vq_edited_stored -- the tensor as it is stored: the matrix of a tied head under the embedding's
 * name. VQ_E_INPUT: no such tensor. */
vq_status vq_edited_stored(const vq_edited *d, const char *name, vq_tensor *t, vq_err *e);

/* vq_edited_load -- tensor `name` as it works (1 + w where a norm multiplies so) with its edits: w
 * [shape[0]][shape[1]] f32 (a vector: [shape[0]])
 * and its stored type and shape in t, both from the arena. The lm_head of a model with tied
 * embeddings is read from the embedding, and edited as what it is called. VQ_E_INPUT: no such
 * tensor, NaN or Inf, not F32, F16 or BF16. */
vq_status vq_edited_load(const vq_edited *d, const char *name, vq_arena *a, vq_tensor *t, float **w,
                         vq_err *e);

/* vq_edited_part -- every tensor of a part (0 embedding, 1 + l block l, layers + 1 head) that an
 * edit touches, into the overlay. as_stored: rounded to the type it will be stored in. Values live
 * in `a`; a name is borrowed from the edits. A tied head reads the embedding, which belongs to part
 * 0. */
vq_status vq_edited_part(const vq_edited *d, int part, bool as_stored, vq_overlay *o, vq_arena *a,
                         vq_err *e);

/* vq_edited_whole -- the same for all parts: for small models and for checks. */
vq_status vq_edited_whole(const vq_edited *d, bool as_stored, vq_overlay *o, vq_arena *a,
                          vq_err *e);

/* vq_round_like -- x[n] rounded to what a tensor of this type will hold. VQ_E_NUMERIC: a value
 * beyond the type (F16), with its place. */
vq_status vq_round_like(vq_dtype t, float *x, int64_t n, vq_err *e);

#endif
