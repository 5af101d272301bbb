/* logits.h -- the end of the model: the matrix that makes logits, and what bounds them. */
#ifndef VQ_MODEL_EXEC_LOGITS_H
#define VQ_MODEL_EXEC_LOGITS_H

#include "model/exec/exec.h"

/* vq_lm_head_find -- its own matrix, or the embedding where they are tied. */
vq_status vq_lm_head_find(const vq_exec *x, vq_linear *l, vq_err *e);
/* vq_logit_cap -- logits are cap * tanh(x / cap); 0: as they are. */
float vq_logit_cap(const vq_graph *g);
/* vq_logits_back -- gradient of capped logits y [n] in place: g *= 1 - (y / cap)^2 */
void vq_logits_back(const vq_graph *g, const float *y, int64_t n, float *gradient);

#endif
