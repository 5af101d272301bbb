/* factor.h -- H = (U + I) D (U + I)^T of a curvature, in a chosen order of channels: how rounding
 * errors are fed back. With e = w - w^, a column's target is w_j + sum over i < j of e_i U_ij, and
 * sum_j D_j (target_j - w^_j)^2 = e H e^T. The upper Cholesky factor C of the inverse, which GPTQ's
 * authors use, says the same: C_ij / C_ii = -(inverse of (U + I))_ij; errors there are those of the
 * updated weights. source arXiv 2210.17323, arXiv 2307.13304 (LDLQ); test
 * tests/unit/quant/test_factor.c,
 * tests/golden/test_golden_gptq.c */
#ifndef VQ_QUANT_ROUND_FACTOR_H
#define VQ_QUANT_ROUND_FACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct vq_factor_spec {
    int64_t k, width; /* channels; columns of a panel */
    double
        damp; /* this share of the mean diagonal is added to the diagonal; ten times as much, up to
               * 1, while no factor exists */
    double shrink; /* this share of every entry off the diagonal is taken away, 0 to 1: what sources
                    * of data do not share is mostly there */
    bool sorted;   /* channels by falling diagonal, else in their own order */
    bool strict;   /* loops in a fixed order instead of BLAS */
} vq_factor_spec;

typedef struct vq_factor {
    int64_t k, width;
    int32_t *order;     /* [k] channel at each position */
    float *diag;        /* [k] of H as given, by channel */
    double *d;          /* [k] D by position, damping included; scaled as H is */
    double kept, added; /* what was factored: kept H off the diagonal, H + added on it */
    float *u; /* panels of `width` positions, each [end of the panel][width]: rows are the positions
            * before, and those of the panel */
    int tries; /* factorizations that failed */
    bool none; /* none succeeded: U = 0, which is rounding to nearest */
} vq_factor;

/* vq_factor_new -- factor of h [k][k] f32, symmetric, a sum over tokens; in f64 over tiles, so it
 * does not depend on h's unit, nor on the
 *   number of threads. Channels with a diagonal of 0 are tied to no other. Needs 4 k^2 bytes of
 *   scratch (given back) and 2 k^2 + O(k width)
 * that stay. A diagonal of zeros: none. VQ_E_NUMERIC: h holds NaN or Inf, or a diagonal entry is
 * negative. VQ_E_LIMIT. */
vq_status vq_factor_new(vq_factor *f, const float *h, const vq_factor_spec *spec, vq_arena *a,
                        vq_err *e);
/* vq_factor_bytes -- most bytes that vq_factor_new holds at a time; vq_factor_kept -- bytes that
 * stay. */
uint64_t vq_factor_bytes(int64_t k, int64_t width);
uint64_t vq_factor_kept(int64_t k, int64_t width);
/* vq_factor_panel -- U for the columns of panel p: row i holds U[i][p * width + 0 ... width). */
static inline const float *vq_factor_panel(const vq_factor *f, int64_t p)
{
    return f->u + f->width * f->width * (p * (p + 1) / 2);
}

#endif
