/* scale_search.h -- for every group the stored scale (and zero point) that loses least, among all
 * legal ones near the plain one: sum_j d_j (w_j - w^_j)^2 with d the diagonal of a curvature. Used
 * by the rounders mse and gptq.
 *
 *   coded scales (e4m3, ue5m3)   every code whose value is 0.66 ... 1.25 times the plain scale
 *   e8m0                         one exponent down and up
 *   float scales                 0.625 ... 1.25 times the plain scale in steps of 1/32
 *   with zero points             both ends of the range shrunk to 0.6 ... 1: together, then the
 *        lower one alone, then the upper one alone
 * Two's complement grids have one more code below zero: where the format stores negative scales, a
 * group whose largest element is positive is tried with a negative scale. source spec 6.6, arXiv
 * 2606.07618 (bounds of the range); test tests/unit/quant/test_scale_search.c */
#ifndef VQ_QUANT_SEARCH_SCALE_SEARCH_H
#define VQ_QUANT_SEARCH_SCALE_SEARCH_H

#include "quant/rounder.h"

/* What one thread needs to search up to `groups` groups of a band of rows at once. */
typedef struct vq_scale_scratch {
    float *f;
    double *d;
    int16_t *z;
    int64_t groups;
    const vq_scale_codes
        *codes; /* coded scales without zero points, shared by the threads; NULL: candidate after
                * candidate */
} vq_scale_scratch;
/* vq_scale_codes_of -- the legal codes of a format's scales into c; c itself, or NULL where a
 * search does not go by codes. */
const vq_scale_codes *vq_scale_codes_of(vq_scale_codes *c, const vq_round_job *job,
                                        const vq_num *num);
/* vq_scale_scratch_new -- room for `groups` groups from a. VQ_E_LIMIT. */
vq_status vq_scale_scratch_new(vq_scale_scratch *s, int64_t groups, vq_arena *a, vq_err *e);
/* vq_scale_scratch_bytes -- of one thread. */
uint64_t vq_scale_scratch_bytes(int64_t groups);

/* A band: `rows` rows of `cols` elements, ld apart, that share the scales of `groups` runs of
 * `width` columns. */
typedef struct vq_scale_band {
    const float *x, *d; /* d [cols], NULL: 1 */
    int64_t ld, rows, cols, width;
} vq_scale_band;
/* vq_scale_search_band -- scale[groups], zero[groups] (untouched without zero points) of one band.
 * On the calling thread; no allocation. */
void vq_scale_search_band(const vq_round_job *job, const vq_num *num, const vq_scale_band *b,
                          const vq_scale_scratch *s, float *scale, int16_t *zero);
/* vq_scale_search -- q->scale and q->zero for all of w [rows][cols], errors weighed with d [cols]
 * (NULL: 1); parallel over bands, same result for every thread count. VQ_E_LIMIT;
 *  VQ_E_RECIPE for grids of more than 8 bits. */
vq_status vq_scale_search(const vq_round_job *job, const float *w, const float *d, vq_qtensor *q,
                          vq_err *e);
/* vq_scale_encode -- codes and global scale of q [rows][cols] from w under the scales that q has;
 * job->signal, job->noise are set. VQ_E_LIMIT. */
vq_status vq_scale_encode(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e);
/* vq_scale_weights -- d [k] from a: the diagonal of h [k][k] over its largest entry; all 1 when it
 * is 0. NULL with VQ_E_LIMIT. */
float *vq_scale_weights(const float *h, int64_t k, vq_arena *a, vq_err *e);

#endif
