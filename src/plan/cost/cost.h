/* cost.h -- work, what a machine does of it in a second, and the time that it takes. test
 * tests/unit/plan/test_plan_time.c */
#ifndef VQ_PLAN_COST_COST_H
#define VQ_PLAN_COST_COST_H

/* What one thread does in a second, by kind of work. */
typedef struct vq_rates {
    double products; /* multiply-adds of matrix products, in bf16 where the model is stored so */
    double plain;    /* of products in f32: evaluation */
    double outer;    /* of sums of outer products */
    double tiles;    /* of f32 products of tiles: attention, errors fed back */
    double factors;  /* of factors in f64, as vq_tiles_macs counts */
    double values;   /* activations through a norm or an activation function */
    double decoded;  /* weights read from the checkpoint */
    double rounded;  /* weights through the plan's rounder, without its products and factors */
    double hashed;   /* bytes through SHA-256 */
} vq_rates;

/* Work, in the units of vq_rates. */
typedef struct vq_cost {
    double products, plain, outer, tiles, factors, values, decoded, rounded, hashed;
} vq_cost;

/* What `vq plan` tells the time of; a kind of step may work for several. */
typedef enum vq_stage {
    VQ_STAGE_TEXT,       /* the model writes its own calibration text */
    VQ_STAGE_GRADIENTS,  /* the sweep forwards and back, and its statistics to files */
    VQ_STAGE_STATISTICS, /* the sweep forwards */
    VQ_STAGE_TRANSFORMS, /* candidates tried out */
    VQ_STAGE_ROUNDING,   /* training included */
    VQ_STAGE_FINISH,     /* training of the whole */
    VQ_STAGE_FILES,      /* hashing, writing, reading back */
    VQ_STAGES
} vq_stage;
extern const char *const vq_stage_names[VQ_STAGES];

/* vq_cost_seconds -- on one thread; a sixth more than the sum, for what is not counted. */
double vq_cost_seconds(const vq_cost *c, const vq_rates *r);

#endif
