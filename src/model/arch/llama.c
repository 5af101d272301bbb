/* llama.c -- Llama: biases where the config asks for them. */
#include "model/arch/decoder.h"

static vq_status build(const vq_arch_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    const vq_decoder_traits traits = {.model_type = "llama",
                                      .qkv_bias = c->attention_bias,
                                      .o_bias = c->attention_bias,
                                      .mlp_bias = c->mlp_bias};
    return vq_decoder_build(c, &traits, g, a, e);
}

const vq_arch vq_arch_llama = {"llama", "Llama 2 and 3, SmolLM2 and their like", build};
