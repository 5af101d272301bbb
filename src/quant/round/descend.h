/* descend.h -- coordinate descent on tr(H_O E H_I E^T), E = W - W^, from codes and scales that a
 * walk left: a walk never comes back to a column, so what later columns could have spared earlier
 * ones stays.
 *
 * A step takes the groups of one row (16 columns where groups are not runs of a row) one after the
 * other. Under the scale that a group has, and under its neighbours, its elements are rounded in
 * order, each to the grid's nearest to what the rest of the matrix asks of it,
 *     y_ij + (H_O E H_I)_ij / (H_O,ii H_I,jj),
 * and the scale that leaves least is kept. source arXiv 2309.01885 (QuantEase), with scales and two
 * sides; test tests/unit/quant/test_descend.c */
#ifndef VQ_QUANT_ROUND_DESCEND_H
#define VQ_QUANT_ROUND_DESCEND_H

#include "quant/round/gptq_walk.h"

/* A curvature as the walk factored it: `kept` times h off the diagonal, h + `added` on it. */
typedef struct vq_side {
    const float *h; /* [size][size]; NULL: the identity */
    int64_t size;
    double kept, added;
} vq_side;

typedef struct vq_descent {
    const vq_round_job *job;
    const float *w; /* [n][k] */
    vq_side in, out;
    int64_t times;  /* over the whole matrix */
    bool zero_dead; /* columns without curvature stay as they are (gptq_walk.h) */
} vq_descent;

/* vq_descend -- better codes and scales of q [n][k] in place, or q as it was where the objective
 * would not fall; *result is that of what q holds. Same bytes for every thread count. Scratch is
 * given back. VQ_E_LIMIT. */
vq_status vq_descend(const vq_descent *d, vq_qtensor *q, vq_gptq_result *result, vq_err *e);
/* vq_descend_bytes -- bytes of scratch for [n][k]. */
uint64_t vq_descend_bytes(const vq_num *num, int64_t n, int64_t k);

#endif
