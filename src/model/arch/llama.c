/* llama.c -- Llama: biases where the config asks for them. */
#include "model/arch/llama_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = VQ_REQUIRED,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,
                                 .max_position = 2048,
                                 .eps = 1e-6},
                       .theta = 10000};
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &t.qkv_bias, e));
    VQ_TRY(vq_config_flag(c, "mlp_bias", false, &t.mlp_bias, e));
    t.o_bias = t.qkv_bias;
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_llama = {"llama", "Llama 2 and 3, SmolLM2 and their like", 1, 2, build};
