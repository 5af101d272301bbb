/* granite.c -- Granite 3 (dense): a Llama whose config says four multipliers: of the embedding, the
 * scores, what a block adds, and 1 / the logits. source transformers 5.23 modeling_granite.py */
#include "model/arch/build/build.h"
#include "model/arch/build/rope_config.h"

/* What config.json says besides sizes. */
typedef struct reading {
    double embedding, scores, residual, logits;
    bool attention_bias, mlp_bias;
    const vq_activation *activation;
    const vq_rope_table *rope;
} reading;

static vq_status read_rest(vq_config *c, const vq_sizes *s, reading *r, vq_arena *a, vq_err *e)
{
    const vq_rope_defaults rope = {
        .theta = 10000, .head_dim = s->head_dim, .max_position = s->max_position};
    VQ_TRY(vq_config_number(c, "embedding_multiplier", 1, &r->embedding, e));
    VQ_TRY(vq_config_number(c, "attention_multiplier", 1, &r->scores, e));
    VQ_TRY(vq_config_number(c, "residual_multiplier", 1, &r->residual, e));
    VQ_TRY(vq_config_number(c, "logits_scaling", 1, &r->logits, e));
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &r->attention_bias, e));
    VQ_TRY(vq_config_flag(c, "mlp_bias", false, &r->mlp_bias, e));
    VQ_TRY(vq_build_activation(c, "hidden_act", "silu", &r->activation, e));
    return vq_rope_read(c, &rope, &r->rope, NULL, a, e);
}

static int scaled(vq_build *b, int x, double factor)
{
    const float args = (float)factor;
    const vq_node n = {.op = &vq_op_scale,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = b->sizes->hidden};
    return factor == 1 ? x : vq_build_node(b, n, x, -1, -1);
}

static int add_block(vq_build *b, const reading *r, int x)
{
    const vq_mixing m = {.heads = b->sizes->heads,
                         .kv_heads = b->sizes->kv_heads,
                         .head_dim = b->sizes->head_dim,
                         .rope = r->rope,
                         .scale = (float)r->scores};
    vq_attention_names attention = vq_usual_attention;
    vq_mlp_names mlp = vq_usual_mlp;
    attention.qkv_bias = attention.o_bias = r->attention_bias;
    mlp.bias = r->mlp_bias;
    int y = vq_build_rms_norm(b, "input_layernorm.weight", x, NULL);
    x = vq_build_add(b, x, scaled(b, vq_build_attention(b, &m, &attention, y), r->residual));
    y = vq_build_rms_norm(b, "post_attention_layernorm.weight", x, NULL);
    y = vq_build_mlp(b, r->activation, &mlp, b->sizes->ffn, y);
    return vq_build_add(b, x, scaled(b, y, r->residual));
}

/* lm_head has no bias: its input is divided in place of the logits. */
static vq_status string_together(vq_build *b, const reading *r)
{
    vq_build_begin(b, b->config->model_type);
    int x = vq_build_embedding(b, "embed_tokens", (float)r->embedding);
    for (int layer = 0; layer < b->sizes->layers; layer++) {
        vq_build_block(b, layer);
        x = add_block(b, r, x);
    }
    vq_build_head(b);
    x = scaled(b, vq_build_rms_norm(b, "norm.weight", x, NULL), 1 / r->logits);
    (void)vq_build_lm_head(b, x, false);
    return vq_build_end(b);
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_sizes s = {.hidden = 4096,
                  .ffn = 11008,
                  .layers = 32,
                  .heads = 32,
                  .vocab = 32000,
                  .max_position = 2048,
                  .eps = 1e-6};
    reading r;
    VQ_TRY(vq_sizes_read(c, &s, e));
    VQ_TRY(read_rest(c, &s, &r, a, e));
    vq_build b = vq_build_of(c, &s, g, a, e);
    return string_together(&b, &r);
}

const vq_arch vq_arch_granite = {"granite", "Granite 3 (dense)", 1, 2, build};
