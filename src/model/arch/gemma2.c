/* gemma2.c -- Gemma 2: norms behind attention and MLP, every other layer with a window, scores and
 * logits bounded. */
#include "model/arch/gemma_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_gemma_like t = {.sizes = {.hidden = 2304,
                                 .ffn = 9216,
                                 .layers = 26,
                                 .heads = 8,
                                 .kv_heads = 4,
                                 .head_dim = 256,
                                 .vocab = 256000,
                                 .max_position = 8192,
                                 .eps = 1e-6,
                                 .tied = true},
                       .post_norms = true,
                       .pattern = 2,
                       .scale_from = 256,
                       .rope = {.theta = 10000}};
    VQ_TRY(vq_build_activation(c, "hidden_activation", "gelu_pytorch_tanh", &t.activation, e));
    VQ_TRY(vq_gemma_cap_read(c, "attn_logit_softcapping", 50, &t.score_cap, e));
    VQ_TRY(vq_gemma_cap_read(c, "final_logit_softcapping", 30, &t.logit_cap, e));
    return vq_gemma_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_gemma2 = {"gemma2", "Gemma 2", 2, 1, build};
