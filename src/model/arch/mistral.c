/* mistral.c -- Mistral: no biases; the sliding window, if any, in every block, or in those that
 * layer_types names (transformers takes these for a Ministral). */
#include "model/arch/llama_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_llama_like t = {.sizes = {.hidden = VQ_REQUIRED,
                                 .ffn = VQ_REQUIRED,
                                 .layers = VQ_REQUIRED,
                                 .heads = VQ_REQUIRED,
                                 .vocab = VQ_REQUIRED,
                                 .kv_heads = 8,
                                 .max_position = 131072,
                                 .eps = 1e-6},
                       .theta = 10000};
    bool any = false;
    const bool none = vq_config_has(c, "sliding_window") && !vq_config_get(c, "sliding_window");
    VQ_TRY(vq_config_size(c, "sliding_window", none ? 0 : 4096, &t.window, e));
    VQ_TRY(vq_slides_read(c, 0, &t, &any, a, e));
    return vq_llama_like_build(c, &t, g, a, e);
}

const vq_arch vq_arch_mistral = {
    "mistral", "Mistral 7B and its like, with or without a sliding window", 1, 2, build};
