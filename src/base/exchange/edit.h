/* edit.h -- an exact change of one side of a stored matrix or vector: what a function-preserving
 * transform does to the weights. A transform is a list of edits on several tensors that cancel each
 * other. test tests/unit/base/test_edit.c */
#ifndef VQ_BASE_EXCHANGE_EDIT_H
#define VQ_BASE_EXCHANGE_EDIT_H

#include <stdint.h>

#include "base/arena.h"

typedef enum vq_edit_kind {
    VQ_EDIT_SCALE, /* entry i times scale[i] */
    VQ_EDIT_SET, /* entry i becomes scale[i]: a norm's weight after it was folded into what follows,
                  * whatever it was (zeros too) */
    VQ_EDIT_GATHER,  /* entry i comes from order[i] */
    VQ_EDIT_HADAMARD /* runs of `block` entries times the Hadamard matrix of that size over its
                      * root: its own inverse */
} vq_edit_kind;
typedef enum vq_edit_side {
    VQ_EDIT_ROWS,
    VQ_EDIT_COLS
} vq_edit_side; /* of W [n][k]: outputs, inputs. Vectors (norms, biases): ROWS */

typedef struct vq_edit {
    const char *tensor; /* full name ("model.layers.0.mlp.up_proj.weight"), borrowed */
    vq_edit_kind kind;
    vq_edit_side side;
    const float *scale;   /* SCALE, SET: [n], borrowed */
    const int32_t *order; /* GATHER: [n], borrowed */
    int64_t block;        /* HADAMARD */
    int64_t n;            /* entries of that side */
    int64_t first, of; /* entries [first, first + n) of a side of `of`; of 0: n is the whole side */
} vq_edit;

/* vq_edit_apply -- one edit on w [rows][cols] f32 in place. f64 arithmetic inside HADAMARD.
 * Parallel over rows (COLS) or column tiles (ROWS); same bits for every thread count. VQ_E_LIMIT:
 * scratch of one row or one column tile per thread. VQ_E_BUG: a side of another size, an order out
 * of range, a block without a Hadamard matrix, or that does not divide it. */
vq_status vq_edit_apply(const vq_edit *d, float *w, int64_t rows, int64_t cols, vq_arena *scratch,
                        vq_err *e);

/* A growing list of edits; order of application = order in the list. */
typedef struct vq_edits {
    vq_edit *list;
    int count;
    size_t room;
    vq_arena *arena; /* of the list; owners of scales and orders may use it too */
} vq_edits;
void vq_edits_init(vq_edits *s, vq_arena *a);
/* vq_edits_add -- VQ_E_LIMIT. What the edit points to stays borrowed. */
vq_status vq_edits_add(vq_edits *s, const vq_edit *d, vq_err *e);
/* vq_edits_touch -- does any edit change this tensor? */
int vq_edits_touch(const vq_edits *s, const char *tensor);
/* vq_edits_run -- all edits of a tensor, in order, on its f32 values. A vector (norm, bias) is
 * [n][1]. */
vq_status vq_edits_run(const vq_edits *s, const char *tensor, float *w, int64_t rows, int64_t cols,
                       vq_arena *scratch, vq_err *e);

#endif
