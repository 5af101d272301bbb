/* deepseek.c -- strings latent attention and the mixture together. */
#include "model/arch/deepseek.h"

#include <math.h>

#include "model/arch/build/rope_config.h"
#include "model/op/attention/head_part.h"

#define LATENT_EPS 1e-6F /* of the norms inside attention, whatever the config says */

typedef struct model {
    vq_deepseek d;
    int64_t kv_rank;
    bool bias; /* of the projections from and to the stream */
    const vq_rope_table *table;
    float scale;
    const vq_activation *act;
} model;

static vq_status read_ranks(const vq_config *c, model *m, vq_err *e)
{
    vq_deepseek *d = &m->d;
    if (vq_config_has(c, "q_lora_rank") && !vq_config_get(c, "q_lora_rank")) d->q_rank = 0;
    VQ_TRY(vq_config_size(c, "q_lora_rank", d->q_rank, &d->q_rank, e));
    VQ_TRY(vq_config_size(c, "kv_lora_rank", 512, &m->kv_rank, e));
    VQ_TRY(vq_config_size(c, "qk_nope_head_dim", 128, &d->nope, e));
    VQ_TRY(vq_config_size(c, "qk_rope_head_dim", 64, &d->rope, e));
    VQ_TRY(vq_config_size(c, "v_head_dim", 128, &d->v, e));
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &m->bias, e));
    if (d->rope % 2) return vq_fail(e, VQ_E_INPUT, "qk_rope_head_dim is odd");
    const int64_t widest = d->nope + (d->v > d->rope ? d->v : d->rope);
    if (widest <= VQ_MAX_HEAD_DIM && d->sizes.heads <= INT32_MAX / widest) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%lld heads of %lld channels are beyond any model",
                   (long long)d->sizes.heads, (long long)widest);
}

static vq_status read_experts(const vq_config *c, vq_deepseek *d, vq_err *e)
{
    vq_mixture *m = &d->mixture;
    VQ_TRY(vq_config_size(c, "moe_intermediate_size", m->ffn, &m->ffn, e));
    VQ_TRY(vq_config_size(c, "n_routed_experts", m->experts, &m->experts, e));
    VQ_TRY(vq_config_count(c, "n_shared_experts", d->shared, &d->shared, e));
    VQ_TRY(vq_config_size(c, "num_experts_per_tok", m->route.chosen ? m->route.chosen : VQ_REQUIRED,
                          &m->route.chosen, e));
    VQ_TRY(vq_config_count(c, "first_k_dense_replace", d->dense, &d->dense, e));
    if (d->shared > 1024 || m->ffn > INT32_MAX / 1024)
        return vq_fail(e, VQ_E_INPUT, "%lld shared experts of width %lld are beyond any model",
                       (long long)d->shared, (long long)m->ffn);
    return vq_mixture_check(m, e);
}

static vq_status read_rope(vq_config *c, model *m, vq_arena *a, vq_err *e)
{
    const vq_rope_defaults rope = {
        .theta = 10000, .head_dim = m->d.rope, .max_position = m->d.sizes.max_position};
    double mscale;
    VQ_TRY(vq_rope_read(c, &rope, &m->table, &mscale, a, e));
    m->scale = (float)(mscale * mscale / sqrt((double)(m->d.nope + m->d.rope)));
    return VQ_OK;
}

static int add_norm(vq_build *b, const char *name, int x)
{
    const int id = vq_build_rms_norm(b, name, x, NULL);
    if (b->status == VQ_OK) b->graph->nodes[id].eps = LATENT_EPS;
    return id;
}

/* Channel 2 j of those that turn is channel j of halves, 2 j + 1 is half + j. */
static const int32_t *add_pairs(vq_build *b, int64_t first, int64_t head_dim)
{
    int32_t order[VQ_MAX_HEAD_DIM];
    const int64_t half = (head_dim - first) / 2;
    for (int64_t i = 0; i < first; i++) order[i] = (int32_t)i;
    for (int64_t i = 0; i < 2 * half; i++)
        order[first + i] = (int32_t)(first + i / 2 + i % 2 * half);
    return vq_build_args(b, order, (size_t)head_dim * sizeof *order);
}

/* The last channels of each of `heads` heads of head_dim turn. */
static int add_rope(vq_build *b, const model *m, int x, int64_t heads, int64_t head_dim)
{
    const int64_t first = head_dim - m->d.rope;
    const vq_rope args = {.table = m->table,
                          .first = first,
                          .orders = m->d.halves ? NULL : add_pairs(b, first, head_dim),
                          .order_heads = m->d.halves ? 0 : 1};
    const vq_node n = {.op = &vq_op_rope,
                       .args = vq_build_args(b, &args, sizeof args),
                       .role = VQ_ROLE_OTHER,
                       .width = heads * head_dim,
                       .heads = heads,
                       .head_dim = head_dim};
    return vq_build_node(b, n, x, -1, -1);
}

static int add_part(vq_build *b, const model *m, const vq_head_part *part, int64_t head_dim,
                    int heads, int shared)
{
    const vq_node n = {.op = &vq_op_head_part,
                       .args = vq_build_args(b, part, sizeof *part),
                       .role = VQ_ROLE_OTHER,
                       .width = m->d.sizes.heads * head_dim,
                       .heads = m->d.sizes.heads,
                       .head_dim = head_dim};
    return vq_build_node(b, n, heads, shared, -1);
}

static int add_queries(vq_build *b, const model *m, int x)
{
    const int64_t d = m->d.nope + m->d.rope, width = m->d.sizes.heads * d;
    const char *name = "self_attn.q_proj";
    if (m->d.q_rank) {
        x = vq_build_linear(b, VQ_ROLE_Q, "self_attn.q_a_proj", x, m->d.q_rank, m->bias);
        x = add_norm(b, "self_attn.q_a_layernorm.weight", x);
        name = "self_attn.q_b_proj";
    }
    const int q = vq_build_linear(b, VQ_ROLE_Q, name, x, width, false);
    return add_rope(b, m, q, m->d.sizes.heads, d);
}

/* Keys and values of all heads are made from one latent row; the part of the keys that turns is
 * one for all heads. */
static int add_attention(vq_build *b, const model *m, int x)
{
    const vq_deepseek *d = &m->d;
    const int64_t key = d->nope + d->rope, heads = d->sizes.heads;
    const vq_head_part k_part = {d->nope + d->v, 0, d->nope},
                       v_part = {d->nope + d->v, d->nope, d->v};
    const vq_mixing mix = {.heads = heads, .kv_heads = heads, .head_dim = key, .scale = m->scale};
    const int q = add_queries(b, m, x);
    const int latent = vq_build_linear(b, VQ_ROLE_K, "self_attn.kv_a_proj_with_mqa", x,
                                       m->kv_rank + d->rope, m->bias);
    const int turned = add_rope(b, m, vq_build_slice(b, latent, m->kv_rank, d->rope), 1, d->rope);
    const int normed =
        add_norm(b, "self_attn.kv_a_layernorm.weight", vq_build_slice(b, latent, 0, m->kv_rank));
    const int kv = vq_build_linear(b, VQ_ROLE_V, "self_attn.kv_b_proj", normed,
                                   heads * (d->nope + d->v), false);
    const int k = add_part(b, m, &k_part, key, kv, turned),
              v = add_part(b, m, &v_part, d->v, kv, -1);
    return vq_build_linear(b, VQ_ROLE_O, "self_attn.o_proj", vq_build_mix(b, &mix, q, k, v),
                           d->sizes.hidden, m->bias);
}

static int add_ffn(vq_build *b, const model *m, int x, int sum)
{
    static const vq_mlp_names shared = {"mlp.shared_experts.gate_proj",
                                        "mlp.shared_experts.up_proj",
                                        "mlp.shared_experts.down_proj", false};
    const vq_deepseek *d = &m->d;
    const vq_mlp_names mlp = {vq_usual_mlp.gate, vq_usual_mlp.up, vq_usual_mlp.down, d->mlp_bias};
    if (b->layer < d->dense)
        return vq_build_add(b, sum, vq_build_mlp(b, m->act, &mlp, d->sizes.ffn, x));
    if (d->shared)
        sum = vq_build_add(b, sum, vq_build_mlp(b, m->act, &shared, d->mixture.ffn * d->shared, x));
    return vq_build_mixture(b, &d->mixture, m->act, x, sum);
}

static int add_block(vq_build *b, const model *m, int x)
{
    const int read = vq_build_rms_norm(b, "input_layernorm.weight", x, NULL);
    x = vq_build_add(b, x, add_attention(b, m, read));
    return add_ffn(b, m, vq_build_rms_norm(b, "post_attention_layernorm.weight", x, NULL), x);
}

vq_status vq_deepseek_build(vq_config *c, const vq_deepseek *d, vq_graph *g, vq_arena *a, vq_err *e)
{
    model m = {.d = *d};
    VQ_TRY(vq_sizes_read(c, &m.d.sizes, e));
    VQ_TRY(read_ranks(c, &m, e));
    VQ_TRY(read_experts(c, &m.d, e));
    VQ_TRY(read_rope(c, &m, a, e));
    VQ_TRY(vq_build_activation(c, "hidden_act", "silu", &m.act, e));
    vq_build b = vq_build_of(c, &m.d.sizes, g, a, e);
    vq_build_begin(&b, c->model_type);
    int x = vq_build_embedding(&b, "embed_tokens", 1);
    for (int layer = 0; layer < m.d.sizes.layers; layer++) {
        vq_build_block(&b, layer);
        x = add_block(&b, &m, x);
    }
    vq_build_head(&b);
    (void)vq_build_lm_head(&b, vq_build_rms_norm(&b, "norm.weight", x, NULL), false);
    return vq_build_end(&b);
}
