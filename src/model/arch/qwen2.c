/* qwen2.c -- Qwen2: q, k and v always have a bias, o never. */
#include "model/arch/llama_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = VQ_REQUIRED,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,

                                 .max_position = 32768,
                                 .eps = 1e-6},
                       .qkv_bias = true,
                       .theta = 10000};
    VQ_TRY(vq_window_read(c, &t, a, e));
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_qwen2 = {"qwen2", "Qwen 2 and 2.5", -1, -1, build};
