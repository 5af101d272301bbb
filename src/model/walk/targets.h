/* targets.h -- where transforms of a whole model apply, found by walking the graph: the residual
 * stream with everything that reads and writes it, and the heads of every attention. test
 * tests/unit/model/test_sites.c */
#ifndef VQ_MODEL_WALK_TARGETS_H
#define VQ_MODEL_WALK_TARGETS_H

#include "model/graph.h"

/* A linear whose columns are channels of the stream, directly or behind a norm. */
typedef struct vq_residual_reader {
    int linear, norm; /* nodes; norm -1: none between */
} vq_residual_reader;

/* Node ids, in graph order. */
typedef struct vq_residual {
    int embedding;
    int *writers; /* linears whose outputs are added to it */
    int nwriters;
    int *norms;
    int nnorms;
    vq_residual_reader *readers; /* a tied lm_head is one of them */
    int nreaders;
} vq_residual;

/* vq_residual_find -- the stream that begins at the embedding. VQ_E_INPUT: an op reads or writes it
 * that no transform can change (says which). */
vq_status vq_residual_find(const vq_graph *g, vq_arena *a, vq_residual *s, vq_err *e);

/* The linears around one attention. */
typedef struct vq_heads {
    int attention;
    int q, k, v;                 /* linears; q, k and v may be parts of one */
    int64_t q_row, k_row, v_row; /* their rows that make channel 0 of head 0 */
    int q_norm, k_norm;          /* of each head, or of all heads at once; -1 none */
    int q_rope, k_rope;          /* -1 none */
    int outputs[4], noutputs;    /* linears that read its output */
} vq_heads;

/* vq_heads_find -- every attention whose q, k and v are made by linears, or parts of one, that
 * nothing else reads, with heads of v as wide as those of q, and whose output only linears read;
 * others are left out. */
vq_status vq_heads_find(const vq_graph *g, vq_arena *a, vq_heads **heads, int *n, vq_err *e);

#endif
