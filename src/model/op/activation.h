/* activation.h -- activations: alone, and as the gate of a product. */
#ifndef VQ_MODEL_OP_ACTIVATION_H
#define VQ_MODEL_OP_ACTIVATION_H

#include "model/op/op.h"

/* One row of a table: names as config.json has them; value and derivative. */
typedef struct vq_activation {
    const char *name;
    float (*at)(float x);
    float (*slope)(float x);
    bool scales; /* at(s x) = s at(x) for every s > 0 */
} vq_activation;
/* vq_activation_find -- NULL: unknown. vq_activation_at -- NULL past the end. */
const vq_activation *vq_activation_find(const char *name);
const vq_activation *vq_activation_at(int i);

extern const vq_op vq_op_activation; /* y = f(x); args: vq_activation */
extern const vq_op vq_op_rectifier;  /* the same for one that scales: channel scales pass */
extern const vq_op vq_op_gated;      /* y = f(gate) * up; args: vq_activation */
/* vq_op_of_activation -- the op of an activation that stands alone. */
const vq_op *vq_op_of_activation(const vq_activation *a);

#endif
