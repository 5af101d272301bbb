/* origin.h -- what statistics are made from, for a plan and its samples: written into statistics files and held against them.
 * test tests/unit/test_origin.c */
#ifndef VQ_RUN_ORIGIN_H
#define VQ_RUN_ORIGIN_H

#include "calib/stats_file.h"
#include "run/input_hash.h"
#include "run/samples.h"

/* vq_origin_of -- model: over the digests of the weight files, in order, and of config.json; data: over the ids of all samples. hash: of
 * the model's files; waited for here. samples NULL: data stays empty. */
vq_status vq_origin_of(vq_stats_origin *o, const vq_plan *p, const vq_samples *samples, vq_input_hash *hash, vq_arena *scratch, vq_err *e);

#endif
