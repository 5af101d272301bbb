/* opt.c -- OPT: learned positions, LayerNorm before or after attention and MLP, an embedding that
 * may be narrower than the blocks. */
#include "model/arch/build/build.h"

#define EPS 1e-5F /* not in the config */
enum { FIRST_POSITION = 2 /* rows of the table before that of position 0 */ };

static const char *const prefixes[] = {"model.decoder.", "decoder.", NULL};
static const vq_attention_names attention = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", true, true};

typedef struct reading {
    vq_sizes sizes;
    const vq_activation *activation;
    int64_t narrow; /* columns of the embedding */
    bool before;    /* norms come before attention and MLP, and one before the head */
    bool last_norm;
    bool bias;
} reading;

static vq_status read_flags(vq_config *c, reading *r, vq_err *e)
{
    bool removed, affine;
    VQ_TRY(vq_config_flag(c, "do_layer_norm_before", true, &r->before, e));
    VQ_TRY(vq_config_flag(c, "_remove_final_layer_norm", false, &removed, e));
    VQ_TRY(vq_config_flag(c, "layer_norm_elementwise_affine", true, &affine, e));
    VQ_TRY(vq_config_flag(c, "enable_bias", true, &r->bias, e));
    r->last_norm = r->before && !removed;
    return affine ? VQ_OK
                  : vq_config_unsupported(c, e, "norms without weights are not supported for opt");
}

static vq_status read_config(vq_config *c, reading *r, vq_err *e)
{
    r->sizes = (vq_sizes){.hidden = 768,
                          .layers = 12,
                          .heads = 12,
                          .vocab = 50272,
                          .max_position = 2048,
                          .eps = 1e-5,
                          .tied = true};
    VQ_TRY(vq_config_size(c, "ffn_dim", 3072, &r->sizes.ffn, e));
    VQ_TRY(vq_sizes_read(c, &r->sizes, e));
    VQ_TRY(vq_config_size(c, "word_embed_proj_dim", r->sizes.hidden, &r->narrow, e));
    VQ_TRY(vq_build_activation(c, "activation_function", "relu", &r->activation, e));
    return read_flags(c, r, e);
}

static int add_attention(vq_build *b, const reading *r, int x)
{
    const vq_mixing m = {
        .heads = r->sizes.heads, .kv_heads = r->sizes.heads, .head_dim = r->sizes.head_dim};
    vq_attention_names names = attention;
    names.qkv_bias = names.o_bias = r->bias;
    return vq_build_attention(b, &m, &names, x);
}

static int add_mlp(vq_build *b, const reading *r, int x)
{
    const int up = vq_build_linear(b, VQ_ROLE_UP, "fc1", x, r->sizes.ffn, r->bias);
    return vq_build_linear(b, VQ_ROLE_DOWN, "fc2", vq_build_apply(b, r->activation, up),
                           r->sizes.hidden, r->bias);
}

static int add_block(vq_build *b, const reading *r, int x)
{
    static const char first[] = "self_attn_layer_norm", second[] = "final_layer_norm";
    int y = r->before ? vq_build_layer_norm(b, first, x, EPS) : x;
    x = vq_build_add(b, x, add_attention(b, r, y));
    if (!r->before) x = vq_build_layer_norm(b, first, x, EPS);
    y = r->before ? vq_build_layer_norm(b, second, x, EPS) : x;
    x = vq_build_add(b, x, add_mlp(b, r, y));
    return r->before ? x : vq_build_layer_norm(b, second, x, EPS);
}

static int add_first(vq_build *b, const reading *r)
{
    const vq_sizes *s = &r->sizes;
    int x = vq_build_table(b, "embed_tokens", r->narrow, 1);
    if (r->narrow != s->hidden)
        x = vq_build_linear(b, VQ_ROLE_EMBED, "project_in", x, s->hidden, false);
    return vq_build_position(b, "embed_positions", x, s->max_position + FIRST_POSITION,
                             FIRST_POSITION);
}

static void add_last(vq_build *b, const reading *r, int x)
{
    if (r->last_norm) x = vq_build_layer_norm(b, "final_layer_norm", x, EPS);
    if (r->narrow != r->sizes.hidden)
        x = vq_build_linear(b, VQ_ROLE_LM_HEAD, "project_out", x, r->narrow, false);
    (void)vq_build_lm_head(b, x, false);
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    reading r;
    VQ_TRY(read_config(c, &r, e));
    vq_build b = vq_build_of(c, &r.sizes, g, a, e);
    b = vq_build_under(&b, vq_config_prefix(c, prefixes, "layers.0.final_layer_norm.weight"),
                       "layers.");
    vq_build_begin(&b, c->model_type);
    int x = add_first(&b, &r);
    for (int layer = 0; layer < r.sizes.layers; layer++) {
        vq_build_block(&b, layer);
        x = add_block(&b, &r, x);
    }
    vq_build_head(&b);
    add_last(&b, &r, x);
    return vq_build_end(&b);
}

const vq_arch vq_arch_opt = {"opt", "OPT 125M to 66B", 2, 2, build};
