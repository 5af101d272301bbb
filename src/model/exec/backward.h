/* backward.h -- one part of the graph forwards and back. */
#ifndef VQ_MODEL_EXEC_BACKWARD_H
#define VQ_MODEL_EXEC_BACKWARD_H

#include "model/exec/exec.h"

typedef struct vq_back_job {
    const vq_batch *batch;
    int part;
    const float *h; /* record that the part is given, kept */
    float *g; /* d loss / d record of the part; replaced by d loss / d h. Room for the larger */
    vq_block_loss loss; /* fills g from the part's output; NULL: g is set */
    void *loss_ctx;
} vq_back_job;

/* vq_back_run -- the head ends before lm_head. VQ_E_NUMERIC: output or gradient is not finite.
 * vq_back_bytes -- scratch that it takes. test tests/unit/model/test_backward.c */
vq_status vq_back_run(const vq_exec *x, const vq_back_job *job, const vq_grad_hooks *hooks,
                      vq_err *e);
size_t vq_back_bytes(const vq_exec *x, const vq_batch *b, int part);

#endif
