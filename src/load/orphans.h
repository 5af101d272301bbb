/* orphans.h -- tensors that no node of the graph reads. test tests/cli/shapes.sh */
#ifndef VQ_LOAD_ORPHANS_H
#define VQ_LOAD_ORPHANS_H

#include "load/model.h"

/* vq_orphans_warn -- one warning: how many tensors of a dense model its graph does not read, and the
 * names of the first. Left out: layers behind the last block, which have a warning of their own, and
 * what runtimes make anew (rotary_emb.inv_freq, masks, position_ids). */
void vq_orphans_warn(const vq_model *m, const vq_reporter *w);

#endif
