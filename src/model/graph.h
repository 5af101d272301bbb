/* graph.h -- the model as a graph of fused ops. A builder per architecture names tensors and
 * strings ops together; everything else (execution, who can absorb a scale, who shares an input) is
 * found by walking and by asking the ops. test tests/unit/model/test_graph.c
 *
 * A value is what a node makes; its id is the node's index. It has rows and columns: one row per
 * token of the batch as a rule, a fixed number of rows per sequence for conditioning vectors and
 * images ([height * width] rows of channels), or the rows that a router sent to an expert. */
#ifndef VQ_MODEL_GRAPH_H
#define VQ_MODEL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/exchange/source.h"

typedef enum vq_role {
    VQ_ROLE_EMBED,
    VQ_ROLE_LM_HEAD,
    VQ_ROLE_NORM,
    VQ_ROLE_Q,
    VQ_ROLE_K,
    VQ_ROLE_V,
    VQ_ROLE_QKV, /* one matrix for all three */
    VQ_ROLE_O,
    VQ_ROLE_GATE,
    VQ_ROLE_UP,
    VQ_ROLE_GATE_UP,
    VQ_ROLE_DOWN,
    VQ_ROLE_ROUTER,
    VQ_ROLE_EXPERT_GATE,
    VQ_ROLE_EXPERT_UP,
    VQ_ROLE_EXPERT_DOWN,
    VQ_ROLE_OTHER
} vq_role;
const char *vq_role_name(vq_role r); /* "attn.q", "mlp.down", "embed", "lm_head", "norm", ... */

typedef struct vq_op vq_op; /* model/op/op.h */

/* Beyond any model; builders refuse more: a lying config must not make us allocate gigabytes. */
#define VQ_MAX_HEAD_DIM 8192
#define VQ_MAX_LAYERS 4096
#define VQ_OP_INPUTS 3
typedef struct vq_node {
    const vq_op *op;
    const void *args; /* what this kind of op alone knows (a struct of its header); NULL: none */
    vq_role role;
    int layer;            /* block index, -1 outside */
    const char *name;     /* module or tensor prefix; "" for ops without weights */
    int in[VQ_OP_INPUTS]; /* value ids, -1 none */
    int nin;
    int64_t width;    /* columns of the output */
    int64_t in_width; /* linear: k; embedding: rows of the table */
    int64_t rows;     /* rows per sequence; 0: one per token of the batch */
    int64_t height;   /* rows are the pixels of an image of this height; 0: they are not */
    double routed;    /* share of the tokens that a router is expected to send here; how many they
                       * are is known when it runs, at most all. 0: all of them */
    bool bias;        /* linear has one */
    bool tied;        /* lm_head reads the embedding */
    bool transposed;  /* linear: a dense checkpoint holds the matrix as [in][out] */
    int64_t heads, kv_heads, head_dim;
    float eps;
} vq_node;

/* A piece of the model that is run at a time: embedding, a block, the head. What it hands to the
 * parts after it is a record: the carried values one behind the other, each with its rows. */
typedef struct vq_part {
    int first, end;   /* nodes [first, end) */
    const int *carry; /* values that live on after this part, made here or carried in */
    int ncarry;
} vq_part;

typedef struct vq_graph {
    const char *arch;
    vq_node *nodes;
    int count;
    size_t room;
    int layers;
    vq_part *parts; /* [layers + 2]: embedding, blocks, head */
    int embedding;  /* node that reads token ids */
    int lm_head;    /* the linear that makes logits; what follows it works element by element */
    int64_t vocab, max_position;
    const int *by_name; /* node ids with a name, sorted by it: vq_graph_find */
    int named;
} vq_graph;

/* For builders: start makes the parts; part begins part p (0 embedding, 1 + l block l, layers + 1
 * head) at the next node; add copies a node and returns its id (the list grows in the arena);
 * finish
 * ends the last part, lets each part carry its last value unless vq_graph_carry said otherwise, and
 * makes the index of names. Parts in order and inputs that exist are the builder's promise.
 *   add returns -1 with e set when there is no memory. */
vq_status vq_graph_start(vq_graph *g, const char *arch, int layers, vq_arena *a, vq_err *e);
void vq_graph_part(vq_graph *g, int part);
int vq_graph_add(vq_graph *g, const vq_node *n, vq_arena *a, vq_err *e);
/* vq_graph_carry -- the part under way hands these n values on instead of its last one. */
vq_status vq_graph_carry(vq_graph *g, int part, const int *values, int n, vq_arena *a, vq_err *e);
vq_status vq_graph_finish(vq_graph *g, vq_arena *a, vq_err *e);

/* vq_graph_find -- the node of this name, -1: none. vq_graph_end -- one past the last node of a
 * part. */
int vq_graph_find(const vq_graph *g, const char *name);
/* vq_graph_block_of -- the number of the block that a tensor's name says, be there such a block or not:
 * 12 of "model.layers.12.x" where blocks are called so; -1: it says none. */
int vq_graph_block_of(const vq_graph *g, const char *name);
int vq_graph_end(const vq_graph *g, int part);

/* vq_value_floats -- floats that a value takes for `sequences` sequences of `length` tokens. */
int64_t vq_value_floats(const vq_graph *g, int value, int64_t sequences, int64_t length);
/* vq_record_floats -- of the record that a part hands on. vq_record_most -- of the largest record
 * between two parts: what a buffer for any of them needs. */
int64_t vq_record_floats(const vq_graph *g, int part, int64_t sequences, int64_t length);
int64_t vq_record_most(const vq_graph *g, int64_t sequences, int64_t length);
/* vq_record_width -- columns of a record of one value per token, 0: it is something else. */
int64_t vq_record_width(const vq_graph *g, int part);

/* vq_graph_consumers -- nodes that read a value, in graph order: the first `max` of them into
 * nodes; returns how many there are. */
int vq_graph_consumers(const vq_graph *g, int value, int *nodes, int max);

#endif
