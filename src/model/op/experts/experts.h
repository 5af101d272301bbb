/* experts.h -- a mixture of experts: which experts a token goes to and what each of them counts
 * (route), the rows that one expert gets (expert_input), and what it adds to a sum over the tokens
 * (expert_output). What lies between the last two runs on the rows of that expert alone; an expert
 * to which no token goes has 0 rows. test tests/families/test_experts.c */
#ifndef VQ_MODEL_OP_EXPERTS_EXPERTS_H
#define VQ_MODEL_OP_EXPERTS_EXPERTS_H

#include "model/op/op.h"

enum { VQ_MAX_EXPERTS = 1024 }; /* beyond any model; builders refuse more */

/* y [tokens][experts]: shares of the experts that a token goes to, 0 elsewhere. Operand: the
 * router's logits. Name: the tensor with a correction that only the choice goes by, "": none. Of
 * equal scores the first expert wins; the choice passes no gradient. */
extern const vq_op vq_op_route;
typedef struct vq_route_args {
    int64_t chosen;  /* experts per token */
    int64_t groups;  /* consecutive experts form this many groups; 0 or 1: all are one */
    int64_t open;    /* groups that the choice is among */
    float to_sum;    /* added to the sum that shares are divided by */
    float scale;     /* on all shares */
    bool sigmoid;    /* a score is the sigmoid of its logit; false: softmax over all experts */
    bool best_two;   /* a group counts the sum of its two best; false: its best */
    bool normalized; /* shares are scores over the sum of those chosen */
} vq_route_args;

/* Rows of operand 0 whose share for this expert is not 0, in order; operand 1: the shares. */
extern const vq_op vq_op_expert_input; /* args: vq_expert */
/* y = operand 0 + share * operand 1 in the rows of the expert; operand 2: the shares. */
extern const vq_op vq_op_expert_output; /* args: vq_expert */
typedef struct vq_expert {
    int64_t index, experts; /* which of how many */
} vq_expert;

#endif
