/* block_scope.h -- the block under work: emptied, its edits applied, its groups found. */
#ifndef VQ_RUN_BLOCK_BLOCK_SCOPE_H
#define VQ_RUN_BLOCK_BLOCK_SCOPE_H

#include "run/block/run_scope.h"

/* vq_block_init, vq_block_done -- once per run. The block stays where it is in between. VQ_E_LIMIT */
vq_status vq_block_init(vq_block *b, vq_run *r, vq_err *e);
void vq_block_done(vq_block *b);

/* vq_block_empty -- nothing is left of the block before: neither its edits and what they put in
 * front of the stored tensors, nor its statistics, nor what the rounder cached for it. The edits
 * that all blocks share stand at the head of the list again. */
vq_status vq_block_empty(vq_run *r, vq_block *b, vq_err *e);
/* vq_block_begin -- emptied; then the tensors of block `layer` (VQ_OUTSIDE: of what lies outside)
 * that the shared edits touch are applied, and its groups get inputs of which only the width is
 * known. */
vq_status vq_block_begin(vq_run *r, vq_block *b, int layer, vq_err *e);

/* vq_block_new_stats -- room for the statistics of the block's groups; their inputs point to it. */
vq_status vq_block_new_stats(vq_run *r, vq_block *b, vq_err *e);

/* vq_block_apply -- every tensor of the block that an edit touches into the overlay, in the type in
 * which it will be stored. For running the block only: a weight that will be quantized is rounded
 * from its f32 values (vq_rounding_weight). vq_block_apply_exact -- the same in f32. */
vq_status vq_block_apply(vq_run *r, vq_block *b, vq_err *e);
vq_status vq_block_apply_exact(vq_run *r, vq_block *b, vq_err *e);

/* vq_block_edited -- the stored model with the edits so far. */
vq_edited vq_block_edited(const vq_run *r, const vq_block *b);
/* vq_run_group -- the linears of a group of the plan; NULL: outside of the graph.
 * vq_run_quantizes -- is this linear (node) quantized? */
const vq_linear_group *vq_run_group(const vq_run *r, const vq_plan_group *g);
bool vq_run_quantizes(const vq_run *r, int linear);

/* vq_run_layer_file -- OUT.run/layer-0007.vqs, where the gradients step leaves the statistics of a
 * block and the load step finds them; from a. NULL: VQ_E_LIMIT. */
const char *vq_run_layer_file(const vq_run *r, int layer, vq_arena *a, vq_err *e);

/* vq_block_check -- the block as edited so far, in f32, still computes what it did: on some tokens
 * of the samples, or on a made-up input when there are none. VQ_E_NUMERIC names pass and layer;
 * checks.function: warn makes it a warning. Leaves the overlay with exact values. */
vq_status vq_block_check(vq_run *r, vq_block *b, const char *pass, vq_err *e);

#endif
