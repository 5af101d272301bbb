/* qwen2.c -- Qwen2: q, k and v always have a bias, o never. */
#include "model/arch/decoder.h"

static vq_status build(const vq_arch_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    const vq_decoder_traits traits = {.model_type = "qwen2", .qkv_bias = true};
    return vq_decoder_build(c, &traits, g, a, e);
}

const vq_arch vq_arch_qwen2 = {"qwen2", "Qwen 2 and 2.5", build};
