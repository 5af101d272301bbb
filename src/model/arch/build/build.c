/* build.c -- the pieces that builders string together. */
#include "model/arch/build/build.h"

#include <math.h>
#include <string.h>

const vq_attention_names vq_usual_attention = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", false, false};
const vq_mlp_names vq_usual_mlp = {"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", false};

static const char *checked(vq_build *b, const char *text)
{
    if (!text) b->status = b->err->status;
    return text ? text : "";
}

/* As saved with a head; inside a model of images and text, on the hub and by transformers 4.52 and
 * later; without a head. */
static const char inside[] = "language_model.model.";
static const char *const prefixes[] = {
    "model.", inside, "model.language_model.", "model.text_model.", "", NULL};

vq_build vq_build_of(vq_config *c, const vq_sizes *s, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_build b = {.config = c, .sizes = s, .graph = g, .arena = a, .err = e};
    b.model = vq_config_prefix(c, prefixes, "norm.weight");
    b.lm_head = b.model == inside ? "language_model.lm_head" : "lm_head";
    b.blocks = checked(&b, vq_arena_text(a, e, "%slayers.", b.model));
    return b;
}

vq_build vq_build_under(const vq_build *of, const char *model, const char *blocks)
{
    vq_build b = *of;
    b.model = model;
    b.blocks = checked(&b, vq_arena_text(b.arena, b.err, "%s%s", model, blocks));
    return b;
}

vq_status vq_layer_flags(const vq_config *c, bool **flags, int64_t *layers, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_config_size(c, "num_hidden_layers", VQ_REQUIRED, layers, e));
    if (*layers > VQ_MAX_LAYERS) *layers = VQ_MAX_LAYERS;
    *flags = VQ_NEW(a, bool, *layers, "layers of a model", e);
    return *flags ? VQ_OK : VQ_E_LIMIT;
}

vq_status vq_sizes_check(const vq_config *c, vq_sizes *s, vq_err *e)
{
    if (s->layers > VQ_MAX_LAYERS)
        return vq_fail(e, VQ_E_INPUT, "num_hidden_layers is %lld; 1 to %d is possible",
                       (long long)s->layers, VQ_MAX_LAYERS);
    if (!s->kv_heads ||
        (vq_config_has(c, "num_key_value_heads") && !vq_config_get(c, "num_key_value_heads")))
        s->kv_heads = s->heads; /* null says so too */
    if (!s->head_dim && s->hidden % s->heads == 0) s->head_dim = s->hidden / s->heads;
    if (!s->head_dim)
        return vq_fail(e, VQ_E_INPUT,
                       "hidden_size %lld is not a multiple of num_attention_heads %lld and "
                       "head_dim is missing",
                       (long long)s->hidden, (long long)s->heads);
    if (s->heads % s->kv_heads)
        return vq_fail(e, VQ_E_INPUT,
                       "num_attention_heads %lld is not a multiple of num_key_value_heads %lld",
                       (long long)s->heads, (long long)s->kv_heads);
    if (s->head_dim > VQ_MAX_HEAD_DIM || s->heads > INT32_MAX / s->head_dim)
        return vq_fail(e, VQ_E_INPUT, "%lld heads of %lld channels are beyond any model",
                       (long long)s->heads, (long long)s->head_dim);
    return VQ_OK;
}

vq_status vq_sizes_read(const vq_config *c, vq_sizes *s, vq_err *e)
{
    const vq_config around = {.root = c->around};
    VQ_TRY(vq_config_size(c, "hidden_size", s->hidden, &s->hidden, e));
    VQ_TRY(vq_config_size(c, "intermediate_size", s->ffn, &s->ffn, e));
    VQ_TRY(vq_config_size(c, "num_hidden_layers", s->layers, &s->layers, e));
    VQ_TRY(vq_config_size(c, "num_attention_heads", s->heads, &s->heads, e));
    VQ_TRY(vq_config_size(c, "vocab_size", s->vocab, &s->vocab, e));
    VQ_TRY(vq_config_size(c, "num_key_value_heads", s->kv_heads, &s->kv_heads, e));
    VQ_TRY(vq_config_size(c, "head_dim", s->head_dim, &s->head_dim, e));
    VQ_TRY(vq_config_size(c, "max_position_embeddings", s->max_position, &s->max_position, e));
    VQ_TRY(vq_config_number(c, "rms_norm_eps", s->eps, &s->eps, e));
    VQ_TRY(vq_config_flag(&around, "tie_word_embeddings", s->tied, &s->tied, e));
    VQ_TRY(vq_config_flag(c, "tie_word_embeddings", s->tied, &s->tied, e));
    return vq_sizes_check(c, s, e);
}

void vq_build_begin(vq_build *b, const char *arch)
{
    b->layer = -1;
    if (b->status != VQ_OK) return;
    b->status = vq_graph_start(b->graph, arch, (int)b->sizes->layers, b->arena, b->err);
    if (b->status != VQ_OK) return;
    b->graph->vocab = b->sizes->vocab;
    b->graph->max_position = b->sizes->max_position;
    vq_graph_part(b->graph, 0);
}

void vq_build_block(vq_build *b, int layer)
{
    b->layer = layer;
    if (b->status == VQ_OK) vq_graph_part(b->graph, 1 + layer);
}

void vq_build_head(vq_build *b)
{
    b->layer = -1;
    if (b->status == VQ_OK) vq_graph_part(b->graph, 1 + b->graph->layers);
}

vq_status vq_build_end(vq_build *b)
{
    return b->status == VQ_OK ? vq_graph_finish(b->graph, b->arena, b->err) : b->status;
}

const char *vq_build_name(vq_build *b, const char *part)
{
    if (b->status != VQ_OK) return "";
    return checked(b, b->layer < 0
                          ? vq_arena_text(b->arena, b->err, "%s%s", b->model, part)
                          : vq_arena_text(b->arena, b->err, "%s%d.%s", b->blocks, b->layer, part));
}

const void *vq_build_args(vq_build *b, const void *args, size_t size)
{
    if (b->status != VQ_OK) return NULL;
    void *copy = vq_arena_alloc(b->arena, 1, size, "graph nodes", b->err);
    if (copy)
        memcpy(copy, args, size);
    else
        b->status = b->err->status;
    return copy;
}

int vq_build_node(vq_build *b, vq_node n, int in0, int in1, int in2)
{
    const int in[VQ_OP_INPUTS] = {in0, in1, in2};
    if (b->status != VQ_OK) return 0;
    n.layer = b->layer;
    for (int i = 0; i < VQ_OP_INPUTS; i++) {
        n.in[i] = in[i];
        n.nin += in[i] >= 0;
    }
    if (!n.name) n.name = "";
    if (in0 >= 0 && n.op != &vq_op_position && !n.op->fixes_rows)
        n.routed = b->graph->nodes[in0].routed;
    const int id = vq_graph_add(b->graph, &n, b->arena, b->err);
    if (id < 0) b->status = b->err->status;
    return id < 0 ? 0 : id;
}

static int64_t width_of(const vq_build *b, int x)
{
    return b->status == VQ_OK ? b->graph->nodes[x].width : 0;
}

int vq_build_embedding(vq_build *b, const char *part, float scale)
{
    return vq_build_table(b, part, b->sizes->hidden, scale);
}

int vq_build_table(vq_build *b, const char *part, int64_t width, float scale)
{
    const vq_embedding args = {scale};
    const vq_node n = {.op = &vq_op_embedding,
                       .args = scale == 1 ? NULL : vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_EMBED,
                       .name = vq_build_name(b, part),
                       .width = width,
                       .in_width = b->sizes->vocab};
    const int id = vq_build_node(b, n, -1, -1, -1);
    b->graph->embedding = id;
    return id;
}

int vq_build_position(vq_build *b, const char *part, int x, int64_t rows, int64_t offset)
{
    const vq_position args = {offset};
    const vq_node n = {.op = &vq_op_position,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_EMBED,
                       .name = vq_build_name(b, part),
                       .width = width_of(b, x),
                       .in_width = rows};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_rms_norm(vq_build *b, const char *part, int x, const vq_norm *args)
{
    const vq_node n = {.op = &vq_op_rms_norm,
                       .args = args,
                       .role = VQ_ROLE_NORM,
                       .name = vq_build_name(b, part),
                       .width = width_of(b, x),
                       .eps = (float)b->sizes->eps};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_layer_norm(vq_build *b, const char *part, int x, float eps)
{
    const vq_node n = {.op = &vq_op_layer_norm,
                       .role = VQ_ROLE_NORM,
                       .name = vq_build_name(b, part),
                       .width = width_of(b, x),
                       .eps = eps};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_linear(vq_build *b, vq_role role, const char *part, int x, int64_t width, bool bias)
{
    const vq_node n = {.op = &vq_op_linear,
                       .role = role,
                       .name = vq_build_name(b, part),
                       .width = width,
                       .in_width = width_of(b, x),
                       .bias = bias};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_add(vq_build *b, int x, int y)
{
    const vq_node n = {.op = &vq_op_add, .role = VQ_ROLE_OTHER, .width = width_of(b, x)};
    return vq_build_node(b, n, x, y, -1);
}

int vq_build_slice(vq_build *b, int x, int64_t first, int64_t width)
{
    const vq_slice args = {first};
    const vq_node n = {.op = &vq_op_slice,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = width,
                       .in_width = width_of(b, x)};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_apply(vq_build *b, const vq_activation *act, int x)
{
    const vq_node n = {.op = vq_op_of_activation(act),
                       .args = act,
                       .role = VQ_ROLE_OTHER,
                       .width = width_of(b, x)};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_cap(vq_build *b, int x, float cap)
{
    const vq_softcap args = {cap};
    if (!(cap > 0)) return x;
    const vq_node n = {.op = &vq_op_softcap,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = width_of(b, x)};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_lm_head(vq_build *b, int x, bool bias)
{
    const vq_node n = {.op = &vq_op_linear,
                       .role = VQ_ROLE_LM_HEAD,
                       .name = b->lm_head,
                       .width = b->sizes->vocab,
                       .in_width = width_of(b, x),
                       .bias = bias,
                       .tied = b->sizes->tied};
    const int id = vq_build_node(b, n, x, -1, -1);
    b->graph->lm_head = id;
    return id;
}

/* Norm (where the family has one) and rope over the heads of q or k. */
static int place_heads(vq_build *b, const vq_mixing *m, const char *norm, int64_t heads, int x)
{
    const int64_t d = m->head_dim;
    if (norm) {
        const vq_node n = {.op = &vq_op_head_norm,
                           .args = m->norm,
                           .role = VQ_ROLE_NORM,
                           .name = vq_build_name(b, norm),
                           .width = heads * d,
                           .heads = heads,
                           .head_dim = d,
                           .eps = (float)b->sizes->eps};
        x = vq_build_node(b, n, x, -1, -1);
    }
    if (!m->rope) return x;
    const vq_rope args = {.table = m->rope};
    const vq_node n = {.op = &vq_op_rope,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = heads * d,
                       .heads = heads,
                       .head_dim = d};
    return vq_build_node(b, n, x, -1, -1);
}

int vq_build_mix(vq_build *b, const vq_mixing *m, int q, int k, int v)
{
    const vq_attention args = {.scale =
                                   m->scale > 0 ? m->scale : (float)(1 / sqrt((double)m->head_dim)),
                               .window = m->window,
                               .cap = m->cap,
                               .value_dim = width_of(b, v) / m->kv_heads};
    const int q_at = place_heads(b, m, m->q_norm, m->heads, q);
    const int k_at = place_heads(b, m, m->k_norm, m->kv_heads, k);
    const vq_node n = {.op = &vq_op_attention,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = m->heads * args.value_dim,
                       .heads = m->heads,
                       .kv_heads = m->kv_heads,
                       .head_dim = m->head_dim};
    return vq_build_node(b, n, q_at, k_at, v);
}

int vq_build_attention(vq_build *b, const vq_mixing *m, const vq_attention_names *n, int x)
{
    const int64_t width = width_of(b, x), q_width = m->heads * m->head_dim,
                  kv_width = m->kv_heads * m->head_dim;
    const int q = vq_build_linear(b, VQ_ROLE_Q, n->q, x, q_width, n->qkv_bias);
    const int k = vq_build_linear(b, VQ_ROLE_K, n->k, x, kv_width, n->qkv_bias);
    const int v = vq_build_linear(b, VQ_ROLE_V, n->v, x, kv_width, n->qkv_bias);
    const int mixed = vq_build_mix(b, m, q, k, v);
    return vq_build_linear(b, VQ_ROLE_O, n->o, mixed, width, n->o_bias);
}

int vq_build_gated(vq_build *b, const vq_activation *act, int gate, int up)
{
    const vq_node n = {
        .op = &vq_op_gated, .args = act, .role = VQ_ROLE_OTHER, .width = width_of(b, up)};
    return vq_build_node(b, n, gate, up, -1);
}

int vq_build_mlp(vq_build *b, const vq_activation *act, const vq_mlp_names *n, int64_t ffn, int x)
{
    const int gate = vq_build_linear(b, VQ_ROLE_GATE, n->gate, x, ffn, n->bias);
    const int up = vq_build_linear(b, VQ_ROLE_UP, n->up, x, ffn, n->bias);
    const int gated = vq_build_gated(b, act, gate, up);
    return vq_build_linear(b, VQ_ROLE_DOWN, n->down, gated, width_of(b, x), n->bias);
}

vq_status vq_build_activation(vq_config *c, const char *key, const char *fallback,
                              const vq_activation **out, vq_err *e)
{
    const char *name;
    VQ_TRY(vq_config_text(c, key, fallback, &name, e));
    *out = vq_activation_find(name);
    if (*out) return VQ_OK;
    return vq_config_unsupported(c, e, "activation %s is not supported for %s", name,
                                 c->model_type);
}
