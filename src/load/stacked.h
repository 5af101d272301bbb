/* stacked.h -- weights that a checkpoint holds inside of larger tensors (vq_stored_in): those of all
 * experts in one. test tests/families/test_experts.c */
#ifndef VQ_LOAD_STACKED_H
#define VQ_LOAD_STACKED_H

#include "formats/folder/checkpoint.h"
#include "model/graph.h"

/* vq_stacked_split -- every weight that the graph names and the checkpoint has only in a stack
 * becomes a tensor of its own, a matrix over the same bytes; the stack is no tensor any more. So
 * nothing else knows of stacks, and what is written has a name per expert. VQ_E_INPUT: a stack of
 * another shape than config.json asks for, or an expert more. */
vq_status vq_stacked_split(vq_checkpoint *c, const vq_graph *g, vq_arena *a, vq_err *e);

#endif
