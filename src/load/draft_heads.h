/* draft_heads.h -- weights that predict further tokens for a runtime that checks them, and no part
 * of the model proper. test tests/cli/draft_heads.sh */
#ifndef VQ_LOAD_DRAFT_HEADS_H
#define VQ_LOAD_DRAFT_HEADS_H

#include "load/model.h"

/* vq_is_draft -- does this module belong to a draft head (multi-token prediction, Eagle, Medusa)? By
 * its path, or because it is of a layer behind the last block. layer: of the module, -1 of none. */
bool vq_is_draft(const vq_model *m, const char *module, int layer);

#endif
