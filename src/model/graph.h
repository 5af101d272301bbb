/* graph.h -- the model as a graph of fused ops over values [tokens][width]. A builder per
 * architecture names tensors and strings ops together; everything else (execution, who can absorb a
 * scale, who shares an input) is found by walking. test tests/unit/test_graph.c */
#ifndef VQ_MODEL_GRAPH_H
#define VQ_MODEL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/exchange/source.h"

typedef enum vq_op_kind {
    VQ_OP_EMBEDDING,
    VQ_OP_LINEAR,
    VQ_OP_RMS_NORM,
    VQ_OP_HEAD_NORM,
    VQ_OP_ROPE,
    VQ_OP_ATTENTION,
    VQ_OP_SILU_MUL,
    VQ_OP_ADD,
    VQ_OPS
} vq_op_kind;

typedef enum vq_role {
    VQ_ROLE_EMBED,
    VQ_ROLE_LM_HEAD,
    VQ_ROLE_NORM,
    VQ_ROLE_Q,
    VQ_ROLE_K,
    VQ_ROLE_V,
    VQ_ROLE_O,
    VQ_ROLE_GATE,
    VQ_ROLE_UP,
    VQ_ROLE_DOWN,
    VQ_ROLE_OTHER
} vq_role;
const char *vq_role_name(vq_role r); /* "attn.q", "mlp.down", "embed", "lm_head", "norm", "other" */

#define VQ_MAX_HEAD_DIM 8192 /* beyond any model; builders refuse more */
#define VQ_OP_INPUTS 3
typedef struct vq_node {
    vq_op_kind op;
    vq_role role;
    int layer;            /* block index, -1 outside */
    const char *name;     /* module or tensor prefix; "" for ops without weights */
    int in[VQ_OP_INPUTS]; /* value ids, -1 none: a value's id is the index of the node that makes it
                         */
    int nin;
    int64_t width;    /* columns of the output */
    int64_t in_width; /* linear: k */
    bool bias;        /* linear has one */
    bool tied;        /* lm_head reads the embedding */
    int64_t heads, kv_heads, head_dim;
    int64_t window; /* attention: sliding window, 0 none */
    float eps;
} vq_node;

typedef struct vq_graph {
    const char *arch;
    vq_node *nodes;
    int count;
    int layers;
    int *first; /* [layers + 2] node that each part begins with: embedding, blocks, head; one value
                * lives from a part to the next */
    int64_t vocab, hidden, max_position;
    float *rope_inv_freq; /* [head_dim / 2] */
    double rope_scale;    /* attention factor on cos and sin, 1 by default */
    int64_t rope_half;
    const int32_t *const
        *key_orders; /* [layers] each [key_heads][head_dim] or NULL: channel i of a head is order[i]
                     * of the model as trained, which rope goes by; NULL: none is reordered. Query
                     * heads follow the key head they read */
    int64_t key_heads;
} vq_graph;

/* Linears that read the same value (q/k/v; gate/up), in graph order: they share input statistics,
 * ARC orders and second-level scales. */
typedef struct vq_linear_group {
    int layer;
    int value;      /* the shared input */
    int producer;   /* node whose weight can absorb a channel scale of the value, -1 none: see
                   * vq_graph_groups */
    int linears[8]; /* node ids */
    int count;
    bool fused; /* runtimes fuse them: q/k/v and gate/up */
} vq_linear_group;

/* For builders: start makes room for max_nodes, part begins part p (0 embedding, 1 + l block l,
 * layers + 1 head) at the next node, add copies a node and returns its id. Parts in order, room and
 * inputs that exist are the builder's promise. */
vq_status vq_graph_start(vq_graph *g, const char *arch, int layers, int max_nodes, vq_arena *a,
                         vq_err *e);
void vq_graph_part(vq_graph *g, int part);
int vq_graph_add(vq_graph *g, const vq_node *n);
/* vq_graph_end -- one past the last node of a part. */
int vq_graph_end(const vq_graph *g, int part);

/* vq_graph_groups -- all groups of linears inside blocks, in execution order; from the arena.
 *   producer: the norm that makes the value (its weight), the linear (rows and bias), the up linear
 *   of a silu_mul (rows), the v linear of
 * an attention (a row serves heads / kv_heads channels); none when others read the value too. */
vq_status vq_graph_groups(const vq_graph *g, vq_arena *a, vq_linear_group **groups, int *n,
                          vq_err *e);
/* vq_graph_groups_in -- how many of these groups a layer has. */
int vq_graph_groups_in(const vq_linear_group *groups, int n, int layer);
/* vq_graph_consumers -- nodes that read a value, in graph order: the first `max` of them into
 * nodes; returns how many there are. */
int vq_graph_consumers(const vq_graph *g, int value, int *nodes, int max);

#endif
