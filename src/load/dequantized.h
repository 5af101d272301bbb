/* dequantized.h -- a quantized checkpoint as the input of another quantization: every stored module
 * is shown as the dense weight that it decodes to, in f32 (in bf16 where that holds it exactly), and
 * decoded where it is read, slice by slice. test tests/unit/load/test_dequantized.c,
 * tests/cli/quantized_inputs.sh */
#ifndef VQ_LOAD_DEQUANTIZED_H
#define VQ_LOAD_DEQUANTIZED_H

#include "formats/folder/checkpoint.h"
#include "load/job.h"

typedef struct vq_dequantized {
    size_t weights;   /* modules that are decoded; 0: the checkpoint was dense */
    const char *what; /* "compressed-tensors (weight e2m1 block:32 scale e8m0, ...)": for people */
    const char *method; /* "fp8" */
    vq_arena scratch;   /* what is decoded, of one slice */
} vq_dequantized;

/* vq_dequantize -- c becomes a dense checkpoint: tensors MODULE.weight [n][k] (of a stack: the
 * tensor with three dimensions) instead of those of the modules, no map of modules, and no
 * quantization in its config. job is borrowed while the checkpoint is used. Undone with
 * vq_dequantize_done. VQ_E_INPUT: what dense weights cannot say (orders of key channels). */
vq_status vq_dequantize(vq_dequantized *d, vq_checkpoint *c, vq_job *job, vq_arena *a, vq_err *e);
void vq_dequantize_done(vq_dequantized *d);
/* vq_dequantize_bytes -- most that is held at a time to decode a slice of one of c's weights. */
uint64_t vq_dequantize_bytes(const vq_checkpoint *c);

#endif
