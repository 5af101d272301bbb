/* section.h -- the section of a block on disk: written when its linears are rounded, opened again
 * after a stop. test tests/unit/run/test_run_blocks.c, tests/cli/resume.sh */
#ifndef VQ_RUN_BLOCK_SECTION_H
#define VQ_RUN_BLOCK_SECTION_H

#include "run/block/block_scope.h"

/* Rounds modules [first, nmodules) of what the run has made and stores them. */
typedef vq_status (*vq_section_round)(vq_run *r, vq_block *b, size_t first, vq_tensor_writer *w,
                                      vq_err *e);

/* vq_section_write -- the groups of the block become modules; round stores them; beside them go
 * tensors that edits changed and that are not quantized, and the order of keys. Synced, then noted
 * in the state of the run: from then on it survives a stop, and later blocks may read it. */
vq_status vq_section_write(vq_run *r, vq_block *b, vq_section_round round, vq_err *e);
/* vq_section_restore -- what vq_section_write left, checked against the state. VQ_E_INPUT: it was
 * changed since. */
vq_status vq_section_restore(vq_run *r, vq_block *b, vq_err *e);

#endif
