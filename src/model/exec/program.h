/* program.h -- one part of the graph as it runs: its nodes, with what the stored linears do to
 * their
 * inputs (rotation, gather, quantization) as nodes of their own in front of them. One such input
 * serves all linears that read the value in the same way. test tests/unit/model/test_exec.c */
#ifndef VQ_MODEL_EXEC_PROGRAM_H
#define VQ_MODEL_EXEC_PROGRAM_H

#include "model/op/op.h"

/* Values are numbered anew: first those that the part before hands over, then one per node. */
typedef struct vq_program {
    const vq_graph *graph;
    int part, ninputs, count;
    vq_node *nodes; /* [count], operands by these numbers; of inputs: the node that made it */
    int *node;      /* [count] id in the graph, -1: prepared input */
    int *raw;       /* [count] of linears: the input as the model computes it; else -1 */
    int *seen;      /* [count] linear of the graph whose input the hook sees before this node runs,
                         * -1: none */
    int *last;      /* [count] vq_program_last_reader */
    vq_linear *linears; /* [count] */
    const int *out;     /* what lives on, in the order of the record */
    int nout;
} vq_program;

/* vq_program_make -- of a part; the head ends before lm_head. Arrays from a. Errors of the source
 * carry the name of the linear's role. */
vq_status vq_program_make(vq_program *p, const vq_exec *x, int part, vq_arena *a, vq_err *e);

/* vq_program_rows -- rows of a value for this batch; of a routed one the most that there can be. */
int64_t vq_program_rows(const vq_program *p, int id, const vq_batch *b);
/* vq_program_last_reader -- the last node that reads a value, p->count when it lives on, its own
 * number when nobody does. A hook that sees a value reads it. */
int vq_program_last_reader(const vq_program *p, int value);
bool vq_program_reads(const vq_program *p, int id, int value);

/* vq_node_label -- what errors call a node. */
const char *vq_node_label(const vq_node *n);

#endif
