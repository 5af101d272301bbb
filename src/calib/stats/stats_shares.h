/* stats_shares.h -- the parts that merged statistics were made from, as a text of the metadata:
 * DATA:SAMPLES:SHARE for each, commas between them, by DATA; and the digest of that text is `data` of
 * the merged file, so that the digest of the file covers it. test
 * tests/unit/calib/test_stats_merge.c */
#ifndef VQ_CALIB_STATS_STATS_SHARES_H
#define VQ_CALIB_STATS_STATS_SHARES_H

#include "calib/stats/stats_file.h"

/* vq_shares_text -- of n parts; from the arena, NULL like vq_arena_alloc. */
const char *vq_shares_text(const vq_stats_share *parts, int n, vq_arena *a, vq_err *e);
/* vq_shares_read -- into o->parts, from the arena; o->data and o->samples are there. VQ_E_INPUT: no
 * such list, or not of this file. */
vq_status vq_shares_read(vq_stats_origin *o, const char *text, vq_arena *a, vq_err *e);
/* vq_shares_all -- the parts of files that count as shares[n]; a file without a list is its one part.
 * Sorted; from the arena. VQ_E_LIMIT: more than VQ_STATS_SHARES_MAX. VQ_E_RECIPE: a share so small
 * that nothing is left of a part. */
vq_status vq_shares_all(const vq_stats_origin *const *files, const double *shares, int n,
                        vq_stats_share **parts, int *count, vq_arena *a, vq_err *e);
/* vq_shares_both -- data that both were made from; NULL: none. From a or b. */
const char *vq_shares_both(const vq_stats_origin *a, const vq_stats_origin *b);

#endif
