/* stats_merge.h -- statistics files added up, each as often as it shall count. */
#ifndef VQ_CALIB_STATS_STATS_MERGE_H
#define VQ_CALIB_STATS_STATS_MERGE_H

#include "calib/stats/stats_file.h"

typedef struct vq_merge_input {
    const char *path;
    double
        share; /* of the result, all together 1. 0, and then for all: a plain sum. After the merge:
                   * what it came to be */
    int64_t samples; /* after the merge: that the file was made from */
} vq_merge_input;

/* vq_stats_merge -- files with one origin but for data, into PATH; tensor by tensor, so that memory
 * is one tensor. The result has the bytes that it has for every other order of the files.
 *   sums     w_1 x_1 + ... + w_n x_n in f64 by the digests of the data, rounded once to the type;
 *            w = share x samples of all / samples of the file, so that what all count together is
 *            what it would be without shares; 1 without shares
 *   counts   the same, rounded to whole ones; what is counted in some file stays at least 1, so that
 *            an expert that saw tokens did. A histogram: the rounded sums up to each bin
 *   ranges   least and most of all, whatever the shares
 * The experts of a file have its w. common: of tensors and needs, those that all files hold. *merged
 * (may be NULL): origin of the result, without its list of parts. VQ_E_INPUT: origins or tensors that
 * differ, or the same data twice, be it as a part; VQ_E_NUMERIC: a sum is not finite. test
 * tests/unit/calib/test_stats_merge.c */
vq_status vq_stats_merge(vq_merge_input *in, int n, const char *out, bool common,
                         vq_stats_origin *merged, vq_arena *scratch, vq_err *e);

#endif
