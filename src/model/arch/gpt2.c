/* gpt2.c -- GPT-2: learned positions, LayerNorm, one matrix for q, k and v; its matrices are stored
 * [in][out]. */
#include <math.h>

#include "model/arch/build/build.h"

static const char *const prefixes[] = {"", "transformer.", NULL};

/* Its own name for a size, or the one that most families use. */
static vq_status size(const vq_config *c, const char *own, const char *usual, int64_t fallback,
                      int64_t *out, vq_err *e)
{
    return vq_config_size(c, vq_config_get(c, own) ? own : usual, fallback, out, e);
}

static vq_status read_sizes(const vq_config *c, vq_sizes *s, vq_err *e)
{
    VQ_TRY(size(c, "n_embd", "hidden_size", 768, &s->hidden, e));
    VQ_TRY(size(c, "n_layer", "num_hidden_layers", 12, &s->layers, e));
    VQ_TRY(size(c, "n_head", "num_attention_heads", 12, &s->heads, e));
    VQ_TRY(size(c, "n_positions", "max_position_embeddings", 1024, &s->max_position, e));
    VQ_TRY(vq_config_size(c, "n_inner", 4 * s->hidden, &s->ffn, e));
    VQ_TRY(vq_config_size(c, "vocab_size", 50257, &s->vocab, e));
    VQ_TRY(vq_config_number(c, "layer_norm_epsilon", 1e-5, &s->eps, e));
    VQ_TRY(vq_config_flag(c, "tie_word_embeddings", true, &s->tied, e));
    return vq_sizes_check(c, s, e);
}

/* What scores are multiplied by, but for the layer. */
static vq_status read_scale(vq_config *c, const vq_sizes *s, float *scale, bool *by_layer,
                            vq_err *e)
{
    bool scaled, crossed;
    VQ_TRY(vq_config_flag(c, "scale_attn_weights", true, &scaled, e));
    VQ_TRY(vq_config_flag(c, "scale_attn_by_inverse_layer_idx", false, by_layer, e));
    VQ_TRY(vq_config_flag(c, "add_cross_attention", false, &crossed, e));
    if (crossed) return vq_config_unsupported(c, e, "add_cross_attention is not supported");
    *scale = scaled ? (float)(1 / sqrt((double)s->head_dim)) : 1;
    return VQ_OK;
}

static int conv1d(vq_build *b, vq_role role, const char *part, int x, int64_t width)
{
    const int id = vq_build_linear(b, role, part, x, width, true);
    if (b->status == VQ_OK) b->graph->nodes[id].transposed = true;
    return id;
}

static int add_block(vq_build *b, const vq_activation *act, float scale, int x)
{
    const vq_sizes *s = b->sizes;
    const int64_t h = s->hidden;
    const float eps = (float)s->eps;
    const vq_mixing m = {
        .heads = s->heads, .kv_heads = s->heads, .head_dim = s->head_dim, .scale = scale};
    const int read = vq_build_layer_norm(b, "ln_1", x, eps);
    const int qkv = conv1d(b, VQ_ROLE_QKV, "attn.c_attn", read, 3 * h);
    const int q = vq_build_slice(b, qkv, 0, h), k = vq_build_slice(b, qkv, h, h),
              v = vq_build_slice(b, qkv, 2 * h, h);
    const int mixed = vq_build_mix(b, &m, q, k, v);
    x = vq_build_add(b, x, conv1d(b, VQ_ROLE_O, "attn.c_proj", mixed, h));
    const int again = vq_build_layer_norm(b, "ln_2", x, eps);
    const int up = vq_build_apply(b, act, conv1d(b, VQ_ROLE_UP, "mlp.c_fc", again, s->ffn));
    return vq_build_add(b, x, conv1d(b, VQ_ROLE_DOWN, "mlp.c_proj", up, h));
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_sizes s = {0};
    const vq_activation *act;
    float scale = 1;
    bool by_layer = false;
    VQ_TRY(read_sizes(c, &s, e));
    VQ_TRY(read_scale(c, &s, &scale, &by_layer, e));
    VQ_TRY(vq_build_activation(c, "activation_function", "gelu_new", &act, e));
    vq_build b = vq_build_of(c, &s, g, a, e);
    b = vq_build_under(&b, vq_config_prefix(c, prefixes, "ln_f.weight"), "h.");
    vq_build_begin(&b, c->model_type);
    int x = vq_build_embedding(&b, "wte", 1);
    x = vq_build_position(&b, "wpe", x, s.max_position, 0);
    for (int layer = 0; layer < s.layers; layer++) {
        vq_build_block(&b, layer);
        x = add_block(&b, act, by_layer ? scale / (float)(layer + 1) : scale, x);
    }
    vq_build_head(&b);
    x = vq_build_layer_norm(&b, "ln_f", x, (float)s.eps);
    (void)vq_build_lm_head(&b, x, false);
    return vq_build_end(&b);
}

const vq_arch vq_arch_gpt2 = {"gpt2", "GPT-2 and its like", 50256, 50256, build};
