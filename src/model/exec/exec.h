/* exec.h -- forward and backward passes of the graph, one part (embedding, block, head) at a time,
 * with the weights of that part decoded to f32. test tests/unit/model/test_exec.c (closed forms),
 * tests/model/test_logits.c (stored logits of transformers), tests/unit/model/test_backward.c,
 * tests/unit/model/test_head_loss.c (finite differences) */
#ifndef VQ_MODEL_EXEC_EXEC_H
#define VQ_MODEL_EXEC_EXEC_H

#include "model/op/context.h"

/* vq_exec_embed -- ids [sequences*length] -> the first record h (vq_record_floats of part 0).
 * VQ_E_INPUT: an id outside the vocabulary, with its place. */
vq_status vq_exec_embed(const vq_exec *x, const vq_batch *b, const int32_t *ids, float *h,
                        vq_err *e);
/* vq_exec_block -- block `layer` in place on a record h (room: vq_record_most). VQ_E_NUMERIC names
 * the layer when the output is not finite. */
vq_status vq_exec_block(const vq_exec *x, const vq_batch *b, int layer, float *h, vq_err *e);
/* vq_exec_head -- the head before lm_head (norm, projection) on rows of the last record: h
 * [rows][width] -> out [rows][lm_head's in_width]; out may be h. */
vq_status vq_exec_head(const vq_exec *x, const float *h, int64_t rows, float *out, vq_err *e);
/* vq_exec_logits -- lm_head rows [v0, v0 + nv) of the vocabulary on rows of vq_exec_head -> logits
 * [rows][nv]. Callers walk the vocabulary in tiles, so neither the whole matrix in f32 nor all
 * logits are ever held. */
vq_status vq_exec_logits(const vq_exec *x, const float *head, int64_t rows, int64_t v0, int64_t nv,
                         float *logits, vq_err *e);
/* vq_exec_bytes -- bytes of scratch that a block of this batch needs (plan uses it). */
size_t vq_exec_bytes(const vq_exec *x, const vq_batch *b);

/* vq_exec_block_backward -- h [tokens][hidden]: the block's input, kept. g [tokens][hidden]: d loss
 * / d output, replaced by d loss / d h. The forward pass is run again inside (x->hook is called as
 * by vq_exec_block). Derivatives are those of the weights as decoded; quantized inputs pass the
 * gradient unchanged (straight through), the residual copies of ARC are left out of it. Batches
 * without cache.
 *   VQ_E_NUMERIC: the output or the gradient is not finite. Same bits for every thread count.
 *   test tests/unit/model/test_backward.c */
vq_status vq_exec_block_backward(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                                 float *g, const vq_grad_hooks *hooks, vq_err *e);

/* A loss at the end of a block: out [tokens][hidden] is its output; fills g [tokens][hidden] = d
 * loss / d out. */
typedef vq_status (*vq_block_loss)(void *ctx, const float *out, int64_t tokens, float *g,
                                   vq_err *e);
/* vq_exec_block_step -- vq_exec_block_backward where the loss is computed from the output on the
 * way: g need not be set on entry. */
vq_status vq_exec_block_step(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                             vq_block_loss loss, void *loss_ctx, float *g,
                             const vq_grad_hooks *hooks, vq_err *e);
/* vq_exec_backward_bytes -- bytes of scratch that either takes for any block of this batch. */
size_t vq_exec_backward_bytes(const vq_exec *x, const vq_batch *b);

/* What the logits are held against, per row. */
typedef enum vq_head_target {
    VQ_HEAD_SAMPLED, /* -log p of a label drawn from the model's own softmax: squared gradients are
                      * the true Fisher information */
    VQ_HEAD_TEACHER, /* KL(teacher || model) */
    VQ_HEAD_LABELS,  /* -log p of a given label */
    VQ_HEAD_TARGETS
} vq_head_target;

typedef struct vq_head_loss {
    vq_head_target target;
    uint64_t
        seed; /* sampled: row r draws with vq_rng_unit(seed, first + r), by inverse CDF over the
               * vocabulary in order of the ids */
    uint64_t first;
    const int32_t *labels; /* labels [rows]: -1 no loss in this row */
    const vq_exec *
        teacher; /* teacher: its own source (and quantize_inputs); vocabulary and width as the model
                  */
    const float *teacher_h; /* [rows][teacher hidden]: what its blocks gave */
} vq_head_loss;

/* vq_exec_head_backward -- head, lm_head and loss over h, rows of the last record, -> g = d loss /
 * d h
 * (may not be h; room for the wider of the record and lm_head's input), *loss (may be NULL) the sum
 * over rows in nats. hooks (may be NULL): vector is called for the final norm. All logits are
 * never held, only those of some rows. Same bits,
 * and the same draws, for every thread count; a row's draw does not depend on the rows that come
 * with it.
 *   VQ_E_INPUT: a label outside the vocabulary; VQ_E_NUMERIC: logits of a row are not finite.
 *   test tests/unit/model/test_head_loss.c */
vq_status vq_exec_head_backward(const vq_exec *x, const vq_head_loss *l, const float *h,
                                int64_t rows, float *g, double *loss, const vq_grad_hooks *hooks,
                                vq_err *e);
/* vq_exec_head_backward_bytes -- bytes of scratch that it takes for so many rows, from x->arena and
 * the teacher's together. */
size_t vq_exec_head_backward_bytes(const vq_exec *x, const vq_head_loss *l, int64_t rows);

#endif
