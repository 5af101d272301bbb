/* groups.h -- linears that share an input, and what can absorb a change of it: found by walking the
 * graph and asking the ops. test tests/unit/model/test_graph.c */
#ifndef VQ_MODEL_WALK_GROUPS_H
#define VQ_MODEL_WALK_GROUPS_H

#include "model/graph.h"

/* Linears that read the same value (q/k/v; gate/up), in graph order: they share input statistics,
 * ARC orders and second-level scales. */
typedef struct vq_linear_group {
    int layer;
    int value;    /* the shared input */
    int producer; /* node whose weight can absorb a channel scale of the value, -1 none: the norm that
                   * makes it, the linear (rows and bias), the linear behind the operand through
                   * which
                   * the ops on the way pass a scale on. None when others read the value too */
    int64_t first_row;  /* row of the producer that makes channel 0: behind a slice of its output */
    int heads;          /* attention between producer and value, which shares rows; -1: none */
    int gate;           /* linear whose rows must follow an order of the producer's, -1 none */
    int64_t gate_row;   /* its row that goes with channel 0 */
    const int *linears; /* node ids */
    int count;
    bool fused; /* runtimes fuse them: q/k/v and gate/up */
} vq_linear_group;

/* vq_graph_groups -- all groups of linears inside blocks, in execution order; from the arena. */
vq_status vq_graph_groups(const vq_graph *g, vq_arena *a, vq_linear_group **groups, int *n,
                          vq_err *e);
/* vq_graph_groups_in -- how many of these groups a layer has. */
int vq_graph_groups_in(const vq_linear_group *groups, int n, int layer);

#endif
