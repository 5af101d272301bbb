/* unseen.h -- experts to which no token of the samples went. */
#ifndef VQ_CALIB_UNSEEN_H
#define VQ_CALIB_UNSEEN_H

#include "base/exchange/stats.h"
#include "base/reporter.h"

/* vq_unseen_warn -- one warning for a block that names the first of them ("unseen-experts");
 * returns how many there are. stats: of all groups of the block, in their order. */
int vq_unseen_warn(const vq_reporter *w, int layer, const vq_stats *stats, int nstats);

#endif
