/* context.h -- what a pass over the graph is given: weights, kernels, memory, a batch, and who wants
 * to know what it sees on the way. */
#ifndef VQ_MODEL_OP_CONTEXT_H
#define VQ_MODEL_OP_CONTEXT_H

#include "base/reporter.h"
#include "kernels/kernels.h"
#include "model/graph.h"

/* Rows of a value as a hook sees them. */
typedef struct vq_seen_rows {
    const float *x; /* [count][width] */
    int64_t count, width;
    const int32_t *token; /* [count] ascending: token of the batch that a row belongs to (inputs of
                           * experts); NULL: row i is token i */
} vq_seen_rows;

/* Hook before each group of linears that share an input (first member): x is the input as the model
 * computes it, before any rotation or quantization. node: of the graph. */
typedef vq_status (*vq_input_hook)(void *ctx, int node, const vq_seen_rows *x, vq_err *e);

typedef struct vq_exec {
    const vq_graph *graph;
    const vq_source *source;
    const vq_kernels *kernels;
    vq_arena *arena;      /* scratch: one part's weights and values */
    bool quantize_inputs; /* false: weights only, as loaders that decompress have them; activations
                           * stay f32 */
    vq_input_hook hook;   /* may be NULL */
    void *hook_ctx;
} vq_exec;

/* Keys and values of earlier positions, for generation (kv_cache.h). */
typedef struct vq_kv_cache vq_kv_cache;

/* A batch: `sequences` of `length` tokens each, rows sequence-major. position: of the first token
 * (0 without cache). */
typedef struct vq_batch {
    int64_t sequences, length, position;
    vq_kv_cache *cache; /* NULL: none */
    int64_t first;      /* which sample the first sequence is: for messages */
} vq_batch;

/* Who wants to know what a backward pass finds. Calls may be NULL; they come from the thread that
 * started the pass, outside parallel regions, and their arrays are borrowed. */
typedef struct vq_grad_hooks {
    void *ctx;
    /* linear -- once per linear of a block, last one first: x its input as the model computes it
     * (before any quantization of inputs), g [x->count][n] = d loss / d output. Not called for
     * lm_head. */
    vq_status (*linear)(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e);
    /* input -- after it, for the same linear: dx [x->count][width] = d loss / d x through this
     * linear alone. */
    vq_status (*input)(void *ctx, int node, const vq_seen_rows *x, const float *dx, vq_err *e);
    /* vector -- g [width] = d loss / d parameter, summed over rows (and heads): parameter i of the
     * node (vq_op.params) that is a vector, as stored. */
    vq_status (*vector)(void *ctx, int node, int i, const float *g, int64_t width, vq_err *e);
} vq_grad_hooks;

#endif
