/* coverage.h -- how far the inputs that each source of samples makes lie from those of the other
 * sources, and channels that one source alone excites. Beside the statistics, which are sums over all
 * samples and cannot tell sources apart.
 *
 * Of each input, S = sum of x x^T is kept for every half of every source (its samples by turns), in a
 * sketch: channels go by a fixed hash and sign into at most VQ_COVER_BUCKETS buckets. The diagonal of S
 * is kept whole, so that the scalar products <S, T> of two sums are exact up to that many channels, and
 * beyond without bias over the hash. The first token of a sample, which is often the same in all, is
 * left out, and nothing is rounded to bf16. Formulas: docs/cli.md, Coverage. source count sketch: Charikar, Chen, Farach-Colton 2002
 * (doi 10.1016/S0304-3975(03)00400-6). test tests/unit/calib/test_coverage.c */
#ifndef VQ_CALIB_COVERAGE_H
#define VQ_CALIB_COVERAGE_H

#include "base/arena.h"
#include "calib/curvature.h"

enum { VQ_COVER_BUCKETS = 256 };

/* What was found out about one input. Angles in degrees, 0 to 90; NaN: there is none, of zeros or of
 * a source with one sample. */
typedef struct vq_covered {
    const char *name; /* first of the linears that read it, borrowed; NULL: not measured */
    int layer;
    int64_t k;            /* channels */
    const double *angles; /* [sources][sources] */
    const double *others; /* [sources] to the mean of all the others */
    const double *halves; /* [sources] between a source's own halves */
    const int64_t *alone; /* [sources] channels that it alone excites */
} vq_covered;

/* What a sweep is asked for, and what it fills. */
typedef struct vq_coverage {
    int sources;        /* at least 2 */
    const int *half;    /* [samples] 2 x source + (0, 1, 0 ... along its samples); borrowed */
    vq_arena *arena;    /* of what follows; not the sweep's */
    vq_covered *inputs; /* [ninputs] in graph order; those of experts are not measured */
    int ninputs;
} vq_coverage;

/* The sums of one input. */
typedef struct vq_cover_sums {
    int64_t k, m; /* channels; buckets. k 0: not measured */
    int sources;
    int32_t *bucket;  /* [k]; NULL: m is k, each channel has its own */
    float *sign;      /* [k] */
    int64_t *tokens;  /* [2 sources] */
    double *energy;   /* [2 sources][k] sum of x^2 */
    float *gram;      /* [2 sources][m][m] of the buckets, lower triangle */
    double *products; /* [2 sources][2 sources] room for vq_cover_end */
} vq_cover_sums;

/* vq_cover_new -- sums of zeros from a: about 2 sources x (4 m^2 + 8 k) bytes. VQ_E_LIMIT. */
vq_status vq_cover_new(vq_cover_sums *s, int64_t k, int sources, vq_arena *a, vq_err *e);
/* vq_cover_add -- rows of whole samples; half: of each of them. scratch: a sample's buckets, given
 * back. Neither threads nor the cut of the samples into calls matter. VQ_E_LIMIT. */
vq_status vq_cover_add(vq_cover_sums *s, const vq_kernels *kr, const vq_rows *x, const int *half,
                       vq_arena *scratch, vq_err *e);
/* vq_cover_end -- angles, and channels that one source alone excites, from a. Call once: it changes
 * the sums. VQ_E_LIMIT. */
vq_status vq_cover_end(vq_cover_sums *s, vq_covered *out, vq_arena *a, vq_err *e);

#endif
