/* decoder.c -- strings the ops of a Llama-like decoder together. */
#include "model/arch/decoder.h"

#include <string.h>

enum { NODES_PER_BLOCK = 17, NODES_OUTSIDE = 3 };

/* Sizes that no such model reaches: a lying config must not make us allocate gigabytes for names.
 */
enum { MAX_LAYERS = 4096 };

typedef struct builder {
    const vq_arch_config *config;
    const vq_decoder_traits *traits;
    vq_graph *graph;
    vq_arena *arena;
    vq_err *err;
    int layer;   /* -1 outside blocks */
    bool failed; /* a name did not fit into memory: err says so */
} builder;

static const char *name_of(builder *b, const char *part)
{
    const char *text = b->layer < 0
                           ? vq_arena_text(b->arena, b->err, "%s", part)
                           : vq_arena_text(b->arena, b->err, "model.layers.%d.%s", b->layer, part);
    if (!text) b->failed = true;
    return text ? text : "";
}

static int add(builder *b, vq_node n, int in0, int in1, int in2)
{
    const int in[VQ_OP_INPUTS] = {in0, in1, in2};
    n.layer = b->layer;
    for (int i = 0; i < VQ_OP_INPUTS; i++) {
        n.in[i] = in[i];
        n.nin += in[i] >= 0;
    }
    if (!n.name) n.name = "";
    return vq_graph_add(b->graph, &n);
}

static int add_norm(builder *b, const char *part, int x)
{
    const vq_node n = {.op = VQ_OP_RMS_NORM,
                       .role = VQ_ROLE_NORM,
                       .name = name_of(b, part),
                       .width = b->config->hidden,
                       .eps = (float)b->config->norm_eps};
    return add(b, n, x, -1, -1);
}

static int add_linear(builder *b, vq_role role, const char *part, int x, int64_t width, bool bias)
{
    const vq_node n = {.op = VQ_OP_LINEAR,
                       .role = role,
                       .name = name_of(b, part),
                       .width = width,
                       .in_width = b->graph->nodes[x].width,
                       .bias = bias};
    return add(b, n, x, -1, -1);
}

/* Norm (where the family has one) and rope over the heads of q or k. */
static int add_positions(builder *b, const char *norm, int x, int64_t heads)
{
    const int64_t d = b->config->head_dim;
    if (b->traits->head_norm) {
        const vq_node n = {.op = VQ_OP_HEAD_NORM,
                           .role = VQ_ROLE_NORM,
                           .name = name_of(b, norm),
                           .width = heads * d,
                           .heads = heads,
                           .head_dim = d,
                           .eps = (float)b->config->norm_eps};
        x = add(b, n, x, -1, -1);
    }
    const vq_node n = {
        .op = VQ_OP_ROPE, .role = VQ_ROLE_OTHER, .width = heads * d, .heads = heads, .head_dim = d};
    return add(b, n, x, -1, -1);
}

static int add_attention(builder *b, int x)
{
    const vq_arch_config *c = b->config;
    const int64_t q_width = c->heads * c->head_dim, kv_width = c->kv_heads * c->head_dim;
    const bool bias = b->traits->qkv_bias;
    const int norm = add_norm(b, "input_layernorm.weight", x);
    const int q = add_linear(b, VQ_ROLE_Q, "self_attn.q_proj", norm, q_width, bias);
    const int k = add_linear(b, VQ_ROLE_K, "self_attn.k_proj", norm, kv_width, bias);
    const int v = add_linear(b, VQ_ROLE_V, "self_attn.v_proj", norm, kv_width, bias);
    const int q_at = add_positions(b, "self_attn.q_norm.weight", q, c->heads);
    const int k_at = add_positions(b, "self_attn.k_norm.weight", k, c->kv_heads);
    const vq_node mix = {.op = VQ_OP_ATTENTION,
                         .role = VQ_ROLE_OTHER,
                         .width = q_width,
                         .heads = c->heads,
                         .kv_heads = c->kv_heads,
                         .head_dim = c->head_dim,
                         .window = b->layer >= c->sliding_from ? c->sliding_window : 0};
    const int mixed = add(b, mix, q_at, k_at, v);
    const int o = add_linear(b, VQ_ROLE_O, "self_attn.o_proj", mixed, c->hidden, b->traits->o_bias);
    return add(b, (vq_node){.op = VQ_OP_ADD, .role = VQ_ROLE_OTHER, .width = c->hidden}, x, o, -1);
}

static int add_mlp(builder *b, int x)
{
    const vq_arch_config *c = b->config;
    const bool bias = b->traits->mlp_bias;
    const int norm = add_norm(b, "post_attention_layernorm.weight", x);
    const int gate = add_linear(b, VQ_ROLE_GATE, "mlp.gate_proj", norm, c->ffn, bias);
    const int up = add_linear(b, VQ_ROLE_UP, "mlp.up_proj", norm, c->ffn, bias);
    const int gated = add(
        b, (vq_node){.op = VQ_OP_SILU_MUL, .role = VQ_ROLE_OTHER, .width = c->ffn}, gate, up, -1);
    const int down = add_linear(b, VQ_ROLE_DOWN, "mlp.down_proj", gated, c->hidden, bias);
    return add(b, (vq_node){.op = VQ_OP_ADD, .role = VQ_ROLE_OTHER, .width = c->hidden}, x, down,
               -1);
}

static void add_parts(builder *b)
{
    const vq_arch_config *c = b->config;
    vq_graph_part(b->graph, 0);
    const vq_node embed = {.op = VQ_OP_EMBEDDING,
                           .role = VQ_ROLE_EMBED,
                           .name = name_of(b, "model.embed_tokens"),
                           .width = c->hidden};
    int x = add(b, embed, -1, -1, -1);
    for (b->layer = 0; b->layer < c->layers; b->layer++) {
        vq_graph_part(b->graph, 1 + b->layer);
        x = add_mlp(b, add_attention(b, x));
    }
    b->layer = -1;
    vq_graph_part(b->graph, 1 + (int)c->layers);
    const int norm = add_norm(b, "model.norm.weight", x);
    const int head = add_linear(b, VQ_ROLE_LM_HEAD, "lm_head", norm, c->vocab, false);
    b->graph->nodes[head].tied = c->tied;
}

static vq_status check_sizes(const vq_arch_config *c, vq_err *e)
{
    const struct {
        const char *name;
        int64_t value, max;
    } sizes[] = {
        {"hidden size", c->hidden, INT32_MAX},          {"intermediate size", c->ffn, INT32_MAX},
        {"number of layers", c->layers, MAX_LAYERS},    {"number of heads", c->heads, INT32_MAX},
        {"number of key heads", c->kv_heads, c->heads}, {"head size", c->head_dim, VQ_MAX_HEAD_DIM},
        {"vocabulary size", c->vocab, INT32_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].max)
            return vq_fail(e, VQ_E_INPUT, "%s is %lld; %s needs 1 to %lld", sizes[i].name,
                           (long long)sizes[i].value, c->model_type, (long long)sizes[i].max);
    return VQ_OK;
}

static vq_status check_config(const vq_arch_config *c, vq_err *e)
{
    VQ_TRY(check_sizes(c, e));
    if (c->heads % c->kv_heads != 0)
        return vq_fail(e, VQ_E_INPUT, "%lld heads cannot share %lld key heads evenly",
                       (long long)c->heads, (long long)c->kv_heads);
    if (c->heads > INT32_MAX / c->head_dim)
        return vq_fail(e, VQ_E_INPUT, "%lld heads of %lld channels are beyond any model",
                       (long long)c->heads, (long long)c->head_dim);
    if (c->head_dim % 2 != 0)
        return vq_fail(e, VQ_E_INPUT, "head size %lld is odd; rope turns pairs of channels",
                       (long long)c->head_dim);
    if (!c->activation || strcmp(c->activation, "silu") != 0)
        return vq_fail(e, VQ_E_INPUT, "activation %s is not supported for %s; only silu is",
                       c->activation ? c->activation : "(none)", c->model_type);
    return VQ_OK;
}

vq_status vq_decoder_build(const vq_arch_config *c, const vq_decoder_traits *t, vq_graph *g,
                           vq_arena *a, vq_err *e)
{
    VQ_TRY(check_config(c, e));
    VQ_TRY(vq_graph_start(g, t->model_type, (int)c->layers,
                          (int)c->layers * NODES_PER_BLOCK + NODES_OUTSIDE, a, e));
    g->vocab = c->vocab;
    g->hidden = c->hidden;
    g->max_position = c->max_position;
    g->rope_half = c->head_dim / 2;
    g->rope_inv_freq = VQ_ALLOC(a, float, g->rope_half, "rope frequencies", e);
    if (!g->rope_inv_freq) return e->status;
    vq_rope_frequencies(c, g->rope_inv_freq);
    builder b = {.config = c, .traits = t, .graph = g, .arena = a, .err = e, .layer = -1};
    add_parts(&b);
    return b.failed ? e->status : VQ_OK;
}
