/* gemma3_text.c -- Gemma 3 without images: as Gemma 2 without its bounds, heads of q and k are
 * normed, layers with a window have a rope of their own. */
#include "model/arch/gemma_like.h"

static const vq_gemma_like gemma3 = {.sizes = {.hidden = 2304,
                                               .ffn = 9216,
                                               .layers = 26,
                                               .heads = 8,
                                               .kv_heads = 4,
                                               .head_dim = 256,
                                               .vocab = 262208,
                                               .max_position = 131072,
                                               .eps = 1e-6,
                                               .tied = true},
                                     .post_norms = true,
                                     .head_norms = true,
                                     .scale_from = 256,
                                     .rope = {.theta = 1e6, .layer_kind = "full_attention"},
                                     .local_rope = {.theta = 1e4,
                                                    .layer_kind = "sliding_attention",
                                                    .theta_key = "rope_local_base_freq",
                                                    .unscaled = true}};

vq_status vq_gemma3_build(vq_config *c, bool capped, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_gemma_like t = gemma3;
    VQ_TRY(vq_build_activation(c, "hidden_activation", "gelu_pytorch_tanh", &t.activation, e));
    if (capped) VQ_TRY(vq_gemma_cap_read(c, "final_logit_softcapping", 0, &t.logit_cap, e));
    VQ_TRY(vq_config_size(c, "sliding_window_pattern", 6, &t.pattern, e));
    return vq_gemma_like_build(c, &t, g, a, e);
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    return vq_gemma3_build(c, true, g, a, e);
}

const vq_arch vq_arch_gemma3_text = {"gemma3_text", "Gemma 3 1B and 270M", 2, 1, build};
