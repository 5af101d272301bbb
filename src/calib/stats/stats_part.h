/* stats_part.h -- the tensors of a statistics file as one table: what writing, reading, merging and
 * inspecting go by. */
#ifndef VQ_CALIB_STATS_STATS_PART_H
#define VQ_CALIB_STATS_STATS_PART_H

#include "base/exchange/stats.h"
#include "base/num/dtype.h"
#include "model/walk/groups.h"

typedef enum vq_part_shape {
    VQ_PART_COUNTS, /* [VQ_STATS_COUNTS] tokens, samples, tail_count */
    VQ_PART_K,
    VQ_PART_BINS, /* [VQ_HIST_BINS] */
    VQ_PART_KK,
    VQ_PART_NN
} vq_part_shape;
#define VQ_STATS_COUNTS 3

typedef enum vq_part_merge { VQ_MERGE_SUM, VQ_MERGE_LEAST, VQ_MERGE_MOST } vq_part_merge;

typedef struct vq_stats_part {
    const char *suffix; /* behind the module's name; NULL ends the table */
    unsigned need;      /* there when this was gathered; 0: always */
    vq_dtype dtype;
    vq_part_shape shape;
    vq_part_merge merge;
    bool per_linear; /* member of vq_curvature, not of vq_stats */
    size_t offset;   /* of the pointer; unused for counts */
} vq_stats_part;

extern const vq_stats_part vq_stats_parts[];
/* vq_stats_part_of -- by the name of a tensor; *module: length of the module's name. NULL: none. */
const vq_stats_part *vq_stats_part_of(const char *tensor, size_t *module);
/* vq_stats_part_dims -- shape for n outputs and k inputs; returns the number of dimensions. */
int vq_stats_part_dims(const vq_stats_part *p, int64_t n, int64_t k, int64_t dims[2]);

/* vq_stats_keep -- s with what `needs` asks for, as if no more had been gathered: files may hold more
 * than a plan asks for, and what is there can change what is done. */
void vq_stats_keep(vq_stats *s, unsigned needs);

/* One tensor of a group. */
typedef struct vq_stats_slot {
    const vq_stats_part *part;
    int group, linear;  /* place in the block; in the group, per_linear only */
    const char *module; /* that it is called after */
    int64_t n, k;
} vq_stats_slot;
typedef vq_status (*vq_stats_visit)(void *ctx, const vq_stats_slot *slot, vq_err *e);
/* vq_stats_each -- all tensors that `needs` stands for in one layer, in the order in which they are
 * written. */
vq_status vq_stats_each(const vq_graph *g, const vq_linear_group *groups, int ngroups, int layer,
                        unsigned needs, vq_stats_visit visit, void *ctx, vq_err *e);

#endif
