/* softcap.h -- y = cap * tanh(x / cap): bounds logits (Gemma 2). */
#ifndef VQ_MODEL_OP_ATTENTION_SOFTCAP_H
#define VQ_MODEL_OP_ATTENTION_SOFTCAP_H

#include "model/op/op.h"

extern const vq_op vq_op_softcap; /* args: vq_softcap */
typedef struct vq_softcap {
    float cap;
} vq_softcap;

/* vq_softcap_of -- the cap of a node of this op, 0 of any other. */
float vq_softcap_of(const vq_node *n);
/* vq_softcap_run -- x [n] in place. vq_softcap_back -- from the outputs y [n]: g *= 1 - (y/cap)^2.
 * test tests/families/test_families.c (case gemma2_caps), test_family_gradients.c */
void vq_softcap_run(float *x, int64_t n, float cap);
void vq_softcap_back(const float *y, int64_t n, float cap, float *g);

#endif
