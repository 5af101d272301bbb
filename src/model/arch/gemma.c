/* gemma.c -- the first Gemma. */
#include "model/arch/gemma_like.h"

/* Its configs say "gelu" and mean the approximation that the model was trained with. */
static vq_status read_activation(vq_config *c, const vq_activation **out, vq_err *e)
{
    VQ_TRY(vq_build_activation(c, "hidden_act", "gelu_pytorch_tanh", out, e));
    if (*out == vq_activation_find("gelu")) *out = vq_activation_find("gelu_pytorch_tanh");
    return VQ_OK;
}

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_gemma_like t = {.sizes = {.hidden = 3072,
                                 .ffn = 24576,
                                 .layers = 28,
                                 .heads = 16,
                                 .kv_heads = 16,
                                 .head_dim = 256,
                                 .vocab = 256000,
                                 .max_position = 8192,
                                 .eps = 1e-6,
                                 .tied = true},
                       .rope = {.theta = 10000}};
    VQ_TRY(read_activation(c, &t.activation, e));
    return vq_gemma_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_gemma = {"gemma", "Gemma 2B and 7B", 2, 1, build};
