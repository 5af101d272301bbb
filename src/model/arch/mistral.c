/* mistral.c -- Mistral: no biases; the sliding window, if any, in every block. */
#include "model/arch/decoder.h"

static vq_status build(const vq_arch_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    const vq_decoder_traits traits = {.model_type = "mistral"};
    return vq_decoder_build(c, &traits, g, a, e);
}

const vq_arch vq_arch_mistral = {
    "mistral", "Mistral 7B and its like, with or without a sliding window", build};
