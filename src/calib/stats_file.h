/* stats_file.h -- statistics on disk (.vqs): a safetensors file whose __metadata__ says what they were made from. Readers map it.
 *
 * Tensors per group: "<module>.min", ".max", ".abs_sum" (F64), ".histogram" (U64), ".hessian"; per linear ".fisher", ".output"; counts
 * (tokens, samples, tail_count) in the metadata's "groups" object. Files hold whole layers: one file per layer while a run is under way,
 * one file for a model in the end. Files are hostile input. test tests/unit/test_stats_file.c */
#ifndef VQ_CALIB_STATS_FILE_H
#define VQ_CALIB_STATS_FILE_H

#include "base/file.h"
#include "base/stats.h"
#include "formats/safetensors.h"
#include "model/graph.h"

/* What statistics belong to. Statistics merge when all but `data` and the counts agree. */
typedef struct vq_stats_origin {
    char model[VQ_SHA256_TEXT]; /* digest over the weights and config that the statistics were made with */
    char data[VQ_SHA256_TEXT];  /* digest over the token ids; of the parts' digests after a merge */
    int64_t samples, seqlen;
    uint64_t seed;  /* of the sampled labels; 0 without gradients */
    unsigned needs; /* what was gathered */
    char version[32];
} vq_stats_origin;

/* vq_stats_save -- layers [first, first + count) into PATH (.part, synced, renamed). stats[layer - first][group], groups in
 * vq_graph_groups order. */
vq_status vq_stats_save(const char *path, const vq_stats_origin *o, const vq_graph *g, int first, int count, vq_stats *const *stats,
                        vq_arena *scratch, vq_err *e);

typedef struct vq_stats_file {
    vq_st_file file;
    vq_stats_origin origin;
    vq_stats **stats; /* [layers][groups] into the mapped file; NULL for layers that are not in it */
    int layers;
} vq_stats_file;
/* vq_stats_load -- map and check against the graph: every group and linear there with its shapes, everything that origin.needs promises,
 * symmetric sums finite on the diagonal and not negative. VQ_E_INPUT with file and tensor. g NULL: only what the file itself says
 * (inspect). */
vq_status vq_stats_load(vq_stats_file *f, const char *path, const vq_graph *g, vq_arena *a, vq_err *e);
void vq_stats_close(vq_stats_file *f);
/* vq_stats_check_origin -- VQ_E_INPUT naming the first field in which two origins differ ("made from another model"); data too when
 * `same_data`. */
vq_status vq_stats_check_origin(const vq_stats_origin *have, const vq_stats_origin *want, bool same_data, const char *path, vq_err *e);
/* vq_stats_merge -- sums of files with one origin but for data, into PATH; tensor by tensor, so that memory is one tensor. */
vq_status vq_stats_merge(const char *const *paths, int n, const char *out, vq_arena *scratch, vq_err *e);

#endif
