/* build.h -- what builders string together: sizes that most configs have, and the pieces of a decoder
 * block. A piece returns the id of its value; after a failure (b->status) it adds nothing and returns
 * 0, so that a builder checks once, at the end. */
#ifndef VQ_MODEL_ARCH_BUILD_BUILD_H
#define VQ_MODEL_ARCH_BUILD_BUILD_H

#include "model/arch/arch.h"
#include "model/op/activation.h"
#include "model/op/attention/attention.h"
#include "model/op/attention/rope.h"
#include "model/op/attention/softcap.h"
#include "model/op/embedding.h"
#include "model/op/linear.h"
#include "model/op/norm.h"
#include "model/op/slice.h"

/* Sizes under the names that most families use. Read: every field is the default where the config
 * is silent (VQ_REQUIRED: must be given). kv_heads 0: as many as heads; head_dim 0: hidden / heads. */
typedef struct vq_sizes {
    int64_t hidden, ffn, layers, heads, kv_heads, head_dim, vocab, max_position;
    double eps;
    bool tied;
} vq_sizes;
/* vq_sizes_read -- VQ_E_INPUT: missing, out of range, heads that do not divide. */
vq_status vq_sizes_read(const vq_config *c, vq_sizes *s, vq_err *e);
/* vq_sizes_check -- its last step, for families that read their sizes under other names. */
vq_status vq_sizes_check(const vq_config *c, vq_sizes *s, vq_err *e);

/* vq_layer_flags -- *flags: [*layers] false, one per layer that config.json counts (at most
 * VQ_MAX_LAYERS: more is refused with the other sizes). VQ_E_INPUT: it says no number. */
vq_status vq_layer_flags(const vq_config *c, bool **flags, int64_t *layers, vq_arena *a, vq_err *e);

typedef struct vq_build {
    vq_config *config;
    const vq_sizes *sizes;
    vq_graph *graph;
    vq_arena *arena;
    vq_err *err;
    vq_status status;
    const char *model;   /* in front of all names outside blocks: "model." */
    const char *blocks;  /* in front of a block's number: "model.layers." */
    const char *lm_head; /* its whole name */
    int layer;           /* -1 outside blocks */
} vq_build;

/* vq_build_of -- a builder that borrows all it is given, under "model." and "model.layers.", or under
 * the other prefix that the tensors have. vq_build_under -- under names of the family's own: "h." is
 * behind `model`. */
vq_build vq_build_of(vq_config *c, const vq_sizes *s, vq_graph *g, vq_arena *a, vq_err *e);
vq_build vq_build_under(const vq_build *of, const char *model, const char *blocks);
/* vq_build_begin -- starts graph and part 0. vq_build_block -- block `layer` from here on;
 * vq_build_head -- the head. vq_build_end -- finishes the graph; the status of all. */
void vq_build_begin(vq_build *b, const char *arch);
void vq_build_block(vq_build *b, int layer);
void vq_build_head(vq_build *b);
vq_status vq_build_end(vq_build *b);

/* vq_build_name -- "model.layers.3." part, from the arena; outside blocks "model." part. */
const char *vq_build_name(vq_build *b, const char *part);
/* vq_build_args -- a copy of size bytes in the arena. */
const void *vq_build_args(vq_build *b, const void *args, size_t size);
/* vq_build_node -- adds n with these operands (-1: none) and the block's number. */
int vq_build_node(vq_build *b, vq_node n, int in0, int in1, int in2);

int vq_build_embedding(vq_build *b, const char *part, float scale);
/* vq_build_table -- the embedding where its rows are not as wide as the blocks. */
int vq_build_table(vq_build *b, const char *part, int64_t width, float scale);
/* vq_build_position -- row `offset` of a table of `rows` is that of position 0. */
int vq_build_position(vq_build *b, const char *part, int x, int64_t rows, int64_t offset);
int vq_build_rms_norm(vq_build *b, const char *part, int x, const vq_norm *args);
int vq_build_layer_norm(vq_build *b, const char *part, int x, float eps);
int vq_build_linear(vq_build *b, vq_role role, const char *part, int x, int64_t width, bool bias);
int vq_build_add(vq_build *b, int x, int y);
int vq_build_slice(vq_build *b, int x, int64_t first, int64_t width);
int vq_build_apply(vq_build *b, const vq_activation *act, int x);
/* vq_build_cap -- cap * tanh(x / cap); 0: x itself. */
int vq_build_cap(vq_build *b, int x, float cap);
int vq_build_lm_head(vq_build *b, int x, bool bias);

/* What turns queries and keys into what attention multiplies, and attention itself. */
typedef struct vq_mixing {
    int64_t heads, kv_heads, head_dim;
    const vq_rope_table *rope;   /* NULL: none */
    const char *q_norm, *k_norm; /* norm of each head before rope; NULL: none */
    const vq_norm *norm;         /* its args */
    float scale;                 /* 0: 1 / sqrt(head_dim) */
    int64_t window;
    float cap;
} vq_mixing;
int vq_build_mix(vq_build *b, const vq_mixing *m, int q, int k, int v);

/* Names of a block's linears, all of x's width in and out. */
typedef struct vq_attention_names {
    const char *q, *k, *v, *o;
    bool qkv_bias, o_bias;
} vq_attention_names;
int vq_build_attention(vq_build *b, const vq_mixing *m, const vq_attention_names *n, int x);

typedef struct vq_mlp_names {
    const char *gate, *up, *down;
    bool bias;
} vq_mlp_names;
int vq_build_gated(vq_build *b, const vq_activation *act, int gate, int up);
int vq_build_mlp(vq_build *b, const vq_activation *act, const vq_mlp_names *n, int64_t ffn, int x);

/* vq_build_activation -- config key `key`; unsupported when this build has none of that name. */
vq_status vq_build_activation(vq_config *c, const char *key, const char *fallback,
                              const vq_activation **out, vq_err *e);

/* Hugging Face's usual names. */
extern const vq_attention_names vq_usual_attention;
extern const vq_mlp_names vq_usual_mlp;

#endif
