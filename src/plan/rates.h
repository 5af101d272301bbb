/* rates.h -- what one thread of this machine does in a second, measured in a fraction of a second
 * with the kernels that a run would use, so that a plan can tell the time. test
 * tests/unit/test_plan_time.c */
#ifndef VQ_PLAN_RATES_H
#define VQ_PLAN_RATES_H

#include "plan/plan.h"

typedef struct vq_rates {
    double
        products;   /* multiply-adds of a sweep's matrix products, in bf16 where the model is stored
                   * so */
    double plain;   /* of products in f32: the model's own text, candidates tried out, training */
    double outer;   /* of sums of outer products */
    double tiles;   /* of f32 products of tiles: attention, errors fed back */
    double factors; /* of factors in f64, as vq_tiles_macs counts */
    double values;  /* activations through a norm or an activation function */
    double decoded; /* weights read from the checkpoint */
    double rounded; /* weights through the plan's rounder, without its products and factors */
    double hashed;  /* bytes through SHA-256 */
} vq_rates;

/* vq_rates_measure -- processor time of the calling thread on small made-up data of the plan's
 * shapes and options; other processes hardly matter. Reads no weights. VQ_E_LIMIT. */
vq_status vq_rates_measure(vq_rates *r, const vq_plan *p, const vq_job *job, vq_err *e);

#endif
