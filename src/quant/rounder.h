/* rounder.h -- rounders: a weight matrix and its input's statistics in, a vq_qtensor out. One file
 * and one line in the table each. docs/adding-a-quantizer.md has the steps. */
#ifndef VQ_QUANT_ROUNDER_H
#define VQ_QUANT_ROUNDER_H

#include "base/exchange/stats.h"
#include "base/num/qtensor.h"
#include "base/option.h"
#include "kernels/kernels.h"

/* What a rounder makes of the input alone, for the next weights that read it. */
typedef struct vq_round_cache {
    vq_arena arena; /* emptied, and made NULL, before the weights of another input come */
    void *made;     /* the rounder's */
} vq_round_cache;

typedef struct vq_round_job {
    const vq_kernels *kernels;
    const vq_option_set *options; /* of the recipe's round pass */
    const vq_stats
        *stats; /* of the input, in the order of w's columns; NULL when none were gathered */
    const vq_curvature *curvature; /* of this linear; NULL when no gradient was asked for */
    vq_global_scale global_scale;  /* second-level scale, shared by the fused group */
    vq_dtype arith;                /* type in which compat modes compute scales */
    bool negative_scales;  /* the format can store scales below zero where vq_num_takes_negative */
    vq_arena *scratch;     /* rewound by the caller */
    vq_round_cache *cache; /* NULL: none */
    double signal, noise;  /* out: sum w^2, sum (w - w^)^2 */
    const char
        *fallback; /* out: NULL, or what the rounder had to do instead of what was asked ("damping
                   * x10", ...); static or in scratch's owner */
    bool drops;    /* out: it was asked to make the weights of dead channels zero */
} vq_round_job;

/* Multiply-adds of a rounder that do not grow with the matrix alone: of f32 products, and of
 * factors in f64 (vq_tiles_macs); shared: of factors that the first weight of a group leaves to the
 * others. */
typedef struct vq_round_work {
    double products, factors, shared;
} vq_round_work;

typedef struct vq_rounder {
    const char *name, *doc, *source;
    const vq_option *options; /* ends with name NULL */
    int most_bits;            /* of a weight's grid; 0: any */
    /* needs -- vq_need bits that these options ask for; NULL: none. */
    unsigned (*needs)(const vq_option_set *options);
    /* scratch_bytes -- what run takes of scratch for [n][k], at most, with the cache when the
     * input is shared; NULL: next to nothing. */
    uint64_t (*scratch_bytes)(const vq_option_set *options, const vq_num *num, int64_t n, int64_t k,
                              bool shared);
    /* work -- the multiply-adds of run for [n][k], so that a plan can tell the time; NULL: none,
     * all it does is proportional to n * k. */
    vq_round_work (*work)(const vq_option_set *options, const vq_num *num, int64_t n, int64_t k);
    /* run -- w [q->rows][q->cols] f32, finite; q was made by vq_qtensor_new. Same bytes for every
     * thread count. */
    vq_status (*run)(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e);
    /* block -- run only makes a start: when all linears of a block have one, run/block_train.h
     * trains them together, with the same options (vq_learn_options_of), before they are packed. */
    bool block;
} vq_rounder;

extern const vq_rounder vq_round_rtn, vq_round_mse, vq_round_gptq, vq_round_learned;

/* vq_rounder_find, vq_rounder_at -- static entries of the registry by name or place; NULL: no such
 * one. */
const vq_rounder *vq_rounder_find(const char *name);
const vq_rounder *vq_rounder_at(int i);

#endif
