/* tuned_source.h -- a model with trained norm weights, biases and factors on second-level scales;
 * all else comes from below. test tests/unit/train/test_tune.c */
#ifndef VQ_TRAIN_TUNED_SOURCE_H
#define VQ_TRAIN_TUNED_SOURCE_H

#include "model/exec/exec.h"
#include "quant/finish.h"

/* A norm weight or a bias. */
typedef struct vq_tuned_vector {
    const char *name; /* of the tensor */
    int64_t first, n; /* its parameters */
    vq_dtype dtype;   /* as it is stored: what is served is rounded to it */
    vq_tensor tensor; /* f32, what is served */
} vq_tuned_vector;

typedef struct vq_tuned_source {
    vq_source source;
    const vq_source *below;
    const vq_graph *graph;
    float *p, *unit; /* [count] trained parameters; what a step of size 1 is */
    float *served;   /* [count] vectors rounded to their types, factors as they are */
    int64_t count;
    vq_tuned_vector *vectors;
    int nvectors;
    int *vector_of; /* [nodes] first vector of a norm, or a linear's bias; -1 none */
    int *factor_of; /* [nodes] parameter of a linear's factor, -1 none; fused linears share one */
} vq_tuned_source;

/* vq_tuned_open -- parameters at their values in x's source (factors: 1), and that source below.
 * Arrays from a. VQ_E_INPUT: a tensor of another size. VQ_E_LIMIT. */
vq_status vq_tuned_open(vq_tuned_source *s, const vq_exec *x, const vq_tune_options *o, vq_arena *a,
                        vq_err *e);
/* vq_tuned_serve -- `served` follows p: vectors rounded to their types, factors kept within 0.5 ...
 * 2. */
void vq_tuned_serve(vq_tuned_source *s);

#endif
