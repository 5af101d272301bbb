/* gptq_walk.h -- walks W in tiles of rows x columns, each element rounded after what the errors
 * before it ask of it.
 *
 * One-sided (no output factor), E = W - W^: target_j = w_j + sum over j' < j of e_j' U_j'j; rows do
 * not know of each other. Two-sided: target_ij = W_ij + (E U)_ij + sum over i' < i of V_i'i (E + E
 * U)_i'j; minimizes sum D_O,i D_I,j eta_ij^2, eta = (V + I)^T E (U + I). A tile needs the tiles
 * left of it and above it, so tiles of one diagonal run at once. source arXiv 2210.17323 (GPTQ),
 * arXiv 2505.22988 (two sides); test tests/unit/quant/test_round_gptq.c,
 * tests/golden/test_golden_gptq.c
 */
#ifndef VQ_QUANT_ROUND_GPTQ_WALK_H
#define VQ_QUANT_ROUND_GPTQ_WALK_H

#include "quant/round/factor.h"
#include "quant/search/scale_search.h"

typedef struct vq_gptq_walk {
    const vq_round_job *job;
    const float *w;       /* [n][k] */
    const vq_factor *in;  /* of the columns; its panels are the tiles' width */
    const vq_factor *out; /* of the rows, NULL: one-sided; its panels are the tiles' height */
    bool
        zero_dead; /* columns without curvature become zeros (llm-compressor), else they are rounded
                    * to nearest */
    bool refit,
        search; /* scales of a group anew when the walk reaches it, plain or searched; columns in
                 * their own order only */
    const float *d; /* [k] weights of the search */
} vq_gptq_walk;

typedef struct vq_gptq_result {
    double objective; /* sum D_O D_I eta^2: tr(H_O E H_I E^T), damping included */
    double noise;     /* sum (w - w^)^2 */
} vq_gptq_result;

/* vq_gptq_height -- rows of a tile for n output channels: width of the panels of `out`. */
int64_t vq_gptq_height(int64_t n, bool two_sided);
/* vq_gptq_run -- codes of q [n][k], whose scales are set (and, with refit, set anew), and its
 * global scale. Same bytes for every thread count. Scratch is given back. VQ_E_LIMIT. */
vq_status vq_gptq_run(const vq_gptq_walk *walk, vq_qtensor *q, vq_gptq_result *out, vq_err *e);
/* vq_gptq_walk_bytes -- bytes of scratch of the walk for [n][k], tiles `width` columns wide. */
uint64_t vq_gptq_walk_bytes(const vq_num *num, int64_t n, int64_t k, int64_t width, bool two_sided);

#endif
