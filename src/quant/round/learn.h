/* learn.h -- rounding by gradients: the trainable form of one quantized weight under any number
 * format.
 *
 * What is trained is a weight x [n][k] that is rounded to nearest under the group's scale, and a
 * factor on the scale of each group. The gradient passes the rounding straight through. Steps are
 * those of sign descent: x moves by `rate` of the distance between the grid values around it, so a
 * step means the same for ints and for floats, near zero and near the end of the grid; the factor
 * moves by `rate` of itself and the scale is rounded to its stored type, so every state can be
 * stored. Zero points stay. Training begins at what another rounder found: the first state has its
 * codes. An element that it rounded to nearest starts at its own weight, one that it moved further
 * starts inside the cell of its code, on the side of the weight.
 *   source arXiv 2309.05516 (AutoRound: sign descent on offsets and clip factors, best state kept),
 *   arXiv 2603.22370 (steps in units of the
 *   format's own grid)
 *            test tests/unit/quant/test_learn.c */
#ifndef VQ_QUANT_ROUND_LEARN_H
#define VQ_QUANT_ROUND_LEARN_H

#include "base/option.h"
#include "kernels/kernels.h"

/* How the linears of a block are trained: options of the rounder `learned`. */
typedef struct vq_learn_options {
    int64_t steps, tokens; /* steps; tokens of a step, in whole samples */
    double rate;           /* of the first step, in grid steps; it falls linearly to 0 */
    double clip_rate;      /* the same of the scales' factors; 0: scales stay */
    double momentum;       /* part of the gradient that is carried from step to step */
} vq_learn_options;
/* vq_learn_options_of -- from the option set of the rounder `learned`. */
vq_learn_options vq_learn_options_of(const vq_option_set *s);

typedef struct vq_learn {
    const vq_kernels *kernels;
    vq_qtensor *q;    /* the state as codes and scales; borrowed */
    float *x;         /* [n][k] trained weight */
    float *first;     /* [groups] stored scales at the start, NULL: scales stay */
    float *factor;    /* [groups] trained, on `first` */
    float *effective; /* [groups] of q's scales */
    float *slope; /* [n][per_row] d loss / d factor of each row's part of a group, up to a positive
                * factor */
    uint8_t *codes;    /* [n][k] of the best state */
    float *best_scale; /* [groups] NULL: scales stay */
} vq_learn;

/* vq_learn_init -- w [n][k] f32 is what q (codes, scales, second scale) was rounded from; q is
 * borrowed until the end and holds the current state from here on. clip: train the scales too.
 * Memory from a: 5 bytes per element, 8 to 20 per group.
 *   VQ_E_RECIPE: a grid of more than 8 bits. VQ_E_LIMIT. */
vq_status vq_learn_init(vq_learn *l, const vq_kernels *kr, const float *w, vq_qtensor *q, bool clip,
                        vq_arena *a, vq_err *e);
/* vq_learn_step -- one step against dw [n][k] = d loss / d (what q means); q becomes the new state.
 * clip_rate: step of the scales' factors.
 *   Parallel over rows; same bytes for every thread count. No memory. */
void vq_learn_step(vq_learn *l, const float *dw, float rate, float clip_rate);
/* vq_learn_keep -- the current state is the best so far. The first state is until then. */
void vq_learn_keep(vq_learn *l);
/* vq_learn_store -- the best state into q. x stays where training left it. */
void vq_learn_store(vq_learn *l);
/* vq_learn_bytes -- bytes that vq_learn_init takes for [rows][cols]. 0: the format does not fit. */
size_t vq_learn_bytes(const vq_num *num, int64_t rows, int64_t cols, bool clip);

#endif
