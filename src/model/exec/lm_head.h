/* lm_head.h -- the matrix that makes logits. */
#ifndef VQ_MODEL_EXEC_LM_HEAD_H
#define VQ_MODEL_EXEC_LM_HEAD_H

#include "model/exec/exec.h"

/* vq_lm_head_find -- its own matrix, or the embedding where they are tied. */
vq_status vq_lm_head_find(const vq_exec *x, vq_linear *l, vq_err *e);

#endif
