/* stats_file.h -- statistics on disk (.vqs): a safetensors file whose __metadata__ says what they
 * were made from. Readers map it.
 *
 * Tensors per group, called after its first linear: "<module>.counts" (U64: tokens, samples,
 * tail_count), ".min", ".max", ".abs_sum" (F64), ".histogram" (U64), ".hessian"; per linear
 * ".fisher", ".output". __metadata__: schema, the fields of the origin, and sha256 over all of it
 * and every tensor's name, type, shape and bytes, so that a flipped bit is found before anything is
 * used. Files hold whole layers: one file per layer while a run is under way, one file for a model
 * in the end. Files are hostile input. test tests/unit/calib/test_stats_file.c,
 * tests/unit/calib/test_stats_merge.c */
#ifndef VQ_CALIB_STATS_STATS_FILE_H
#define VQ_CALIB_STATS_STATS_FILE_H

#include "base/exchange/stats.h"
#include "formats/safetensors/safetensors.h"
#include "model/graph.h"

#define VQ_STATS_SCHEMA "vq.statistics/1"

/* One of the files that a merged file was made from; of a merged one among them, each of its parts.
 */
typedef struct vq_stats_share {
    char data[VQ_SHA256_TEXT]; /* of its origin */
    int64_t samples;
    double share; /* of the sums: above 0, at most 1; all together 1 */
} vq_stats_share;
enum { VQ_STATS_SHARES_MAX = 1024 };

/* What statistics belong to. Statistics merge when all but `data` and the counts agree. */
typedef struct vq_stats_origin {
    char model
        [VQ_SHA256_TEXT]; /* digest over the weights and config that the statistics were made with
                           */
    char data
        [VQ_SHA256_TEXT]; /* digest over the token ids; of the list of the parts after a merge */
    const vq_stats_share *parts; /* by data, each once; borrowed */
    int nparts;                  /* 0: not merged, or by a vq that did not write them down */
    int64_t samples, seqlen;
    uint64_t seed;  /* of the sampled labels; 0 without gradients */
    unsigned needs; /* what was gathered */
    char version[32];
} vq_stats_origin;
/* vq_stats_needs_text -- "range,hessian" into buf; returns buf. */
const char *vq_stats_needs_text(unsigned needs, char *buf, size_t len);

/* A file under construction, layer by layer in any order: PATH.part until commit. */
typedef struct vq_stats_writer vq_stats_writer;
/* vq_stats_create -- layers [first, first + count) of the model. Space is taken now. o and g are
 * borrowed until commit or drop. VQ_E_LIMIT: no space; nothing is left. VQ_E_IO: the folder
 * refuses. */
vq_status vq_stats_create(vq_stats_writer **w, const char *path, const vq_stats_origin *o,
                          const vq_graph *g, int first, int count, vq_arena *a, vq_err *e);
/* vq_stats_put -- one layer: stats in vq_graph_groups order. Over all threads. */
vq_status vq_stats_put(vq_stats_writer *w, int layer, const vq_stats *stats, int nstats, vq_err *e);
/* vq_stats_commit -- digest, sync, rename. VQ_E_BUG: a layer is missing. */
vq_status vq_stats_commit(vq_stats_writer *w, vq_err *e);
void vq_stats_drop(
    vq_stats_writer *w); /* removes what is unfinished; NULL and a committed one are fine */

/* vq_stats_save -- the three in one for layers that are all there: stats[layer - first][group]. */
vq_status vq_stats_save(const char *path, const vq_stats_origin *o, const vq_graph *g, int first,
                        int count, vq_stats *const *stats, vq_arena *scratch, vq_err *e);

typedef struct vq_stats_file {
    vq_st_file file;
    vq_tensor **sorted; /* by name */
    vq_stats_origin origin;
    char sha256[VQ_SHA256_TEXT]; /* the file's own digest */
    vq_stats *
        *stats; /* [layers][groups] into the mapped file, read only; NULL for layers that are not in
                * it, and without a graph */
    int layers;
} vq_stats_file;
/* vq_stats_load -- map and check: digest, everything finite, sums of squares and counts not
 * negative; against the graph: every group and linear there with its shapes, everything that
 * origin.needs promises, nothing else. VQ_E_INPUT with file and tensor. g NULL: only what the file
 * itself says (inspect, merge). Reads every byte once, over all threads. */
vq_status vq_stats_load(vq_stats_file *f, const char *path, const vq_graph *g, vq_arena *a,
                        vq_err *e);
/* vq_stats_close -- unmaps the file; f->stats end with it. */
void vq_stats_close(vq_stats_file *f);
/* vq_stats_find -- a tensor by name, NULL when absent. */
const vq_tensor *vq_stats_find(const vq_stats_file *f, const char *name);
/* vq_stats_check_origin -- VQ_E_INPUT naming the first field in which a file is not what is wanted:
 * another version or model, something in want->needs that it lacks; with same_data also other token
 * ids, samples, sequence length or (gradients) seed. */
vq_status vq_stats_check_origin(const vq_stats_origin *have, const vq_stats_origin *want,
                                bool same_data, const char *path, vq_err *e);
/* vq_stats_made -- is the file statistics, of whatever version and whole or not? Only its header is
 * looked at. */
bool vq_stats_made(const vq_map *m);

#endif
