/* build_experts.h -- a router and its experts, as builders string them together. */
#ifndef VQ_MODEL_ARCH_BUILD_BUILD_EXPERTS_H
#define VQ_MODEL_ARCH_BUILD_BUILD_EXPERTS_H

#include "model/arch/build/build.h"
#include "model/op/experts/experts.h"

/* Names are those inside a block. */
typedef struct vq_mixture {
    vq_route_args route;
    int64_t experts, ffn;
    const char *router;
    const char *correction;       /* tensor of the router's correction; NULL: none */
    const char *expert;           /* in front of an expert's number: "mlp.experts." */
    const char *gate, *up, *down; /* behind it: "w1" */
    const char *other_router;     /* tensor that a checkpoint with stacked experts calls the router
                                   * by; NULL: as others do */
    const char *gate_up_stack;    /* its tensors of all experts: [experts][gate | up][width] and */
    const char *down_stack;       /* [experts][width][ffn] */
} vq_mixture;
/* vq_mixture_usual -- Hugging Face's usual names, route and sizes to be filled in. */
extern const vq_mixture vq_mixture_usual;

/* vq_mixture_check -- VQ_E_INPUT with the config's keys: more experts chosen than there are, groups
 * that do not divide, counts beyond any model. */
vq_status vq_mixture_check(const vq_mixture *m, vq_err *e);
/* vq_build_mixture -- sum plus what the experts make of x. The sum is carried from expert to
 * expert, so that two of them are never held at a time. */
int vq_build_mixture(vq_build *b, const vq_mixture *m, const vq_activation *act, int x, int sum);

#endif
