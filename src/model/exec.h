/* exec.h -- forward passes of the graph, one part (embedding, block, head) at a time, with the weights of that part decoded to f32.
 * test tests/unit/test_exec.c (closed forms), tests/model/test_logits.c (stored logits of transformers) */
#ifndef VQ_MODEL_EXEC_H
#define VQ_MODEL_EXEC_H

#include "base/watch.h"
#include "kernels/kernels.h"
#include "model/graph.h"

/* Hook before each linear: x [tokens][k] is its input, not yet quantized. Called once per linear group (first member). */
typedef vq_status (*vq_input_hook)(void *ctx, int node, const float *x, int64_t tokens, int64_t k, vq_err *e);

typedef struct vq_exec {
    const vq_graph *graph;
    const vq_source *source;
    const vq_kernels *kernels;
    vq_arena *arena;      /* scratch: one part's weights and values */
    bool quantize_inputs; /* false: weights only, as loaders that decompress have them; activations stay f32 */
    vq_input_hook hook;   /* may be NULL */
    void *hook_ctx;
} vq_exec;

/* Keys and values of earlier positions, for generation. Opaque; made for a batch and a length. */
typedef struct vq_kv_cache vq_kv_cache;
vq_status vq_kv_cache_new(vq_kv_cache **c, const vq_graph *g, int64_t sequences, int64_t length, vq_arena *a, vq_err *e);

/* A batch: `sequences` of `length` tokens each, rows sequence-major. position: of the first token (0 without cache). */
typedef struct vq_batch {
    int64_t sequences, length, position;
    vq_kv_cache *cache; /* NULL: none */
} vq_batch;

/* vq_exec_embed -- ids [sequences*length] -> x [tokens][hidden]. VQ_E_INPUT: an id outside the vocabulary, with its place. */
vq_status vq_exec_embed(const vq_exec *x, const vq_batch *b, const int32_t *ids, float *out, vq_err *e);
/* vq_exec_block -- block `layer` in place on x [tokens][hidden]. VQ_E_NUMERIC names the layer when the output is not finite. */
vq_status vq_exec_block(const vq_exec *x, const vq_batch *b, int layer, float *h, vq_err *e);
/* vq_exec_norm -- the head part before lm_head (final norm): h [rows][hidden] -> out [rows][hidden]. */
vq_status vq_exec_norm(const vq_exec *x, const float *h, int64_t rows, float *out, vq_err *e);
/* vq_exec_logits -- lm_head rows [v0, v0 + nv) of the vocabulary on normed rows -> logits [rows][nv]. Callers walk the vocabulary in tiles,
 * so neither the whole matrix in f32 nor all logits are ever held. */
vq_status vq_exec_logits(const vq_exec *x, const float *normed, int64_t rows, int64_t v0, int64_t nv, float *logits, vq_err *e);
/* vq_exec_bytes -- bytes of scratch that a block of this batch needs (plan uses it). */
size_t vq_exec_bytes(const vq_exec *x, const vq_batch *b);

#endif
