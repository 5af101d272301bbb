/* qwen3.c -- Qwen3: heads of q and k are normalized before rope. */
#include "model/arch/llama_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = VQ_REQUIRED,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,
                                 .head_dim = 128,
                                 .max_position = 32768,
                                 .eps = 1e-6},
                       .head_norm = true,
                       .theta = 10000};
    VQ_TRY(vq_config_flag(c, "attention_bias", false, &t.qkv_bias, e));
    t.o_bias = t.qkv_bias;
    VQ_TRY(vq_window_read(c, &t, a, e));
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_qwen3 = {"qwen3", "Qwen 3 (dense)", -1, -1, build};
