/* qwen3.c -- Qwen3: heads of q and k are normalized before rope. */
#include "model/arch/decoder.h"

static vq_status build(const vq_arch_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    const vq_decoder_traits traits = {.model_type = "qwen3",
                                      .qkv_bias = c->attention_bias,
                                      .o_bias = c->attention_bias,
                                      .head_norm = true};
    return vq_decoder_build(c, &traits, g, a, e);
}

const vq_arch vq_arch_qwen3 = {"qwen3", "Qwen 3 (dense)", build};
