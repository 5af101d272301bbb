/* decoder.h -- the decoder that the Llama family shares: norm, attention with rope and grouped
 * heads, norm, gated MLP. */
#ifndef VQ_MODEL_ARCH_DECODER_H
#define VQ_MODEL_ARCH_DECODER_H

#include "model/arch/arch.h"

/* Where a family differs. Tensor names are Hugging Face's: model.layers.N.self_attn.q_proj and so
 * on. */
typedef struct vq_decoder_traits {
    const char *model_type;
    bool qkv_bias, o_bias, mlp_bias;
    bool head_norm; /* RMSNorm over each head of q and k, before rope */
} vq_decoder_traits;

/* vq_decoder_build -- the graph of a decoder; names and arrays from the arena.
 *   VQ_E_INPUT: a size that is zero or beyond reason, heads that kv_heads do not divide, an odd
 *   head size, an activation other than silu.
 *   test tests/unit/test_graph.c */
vq_status vq_decoder_build(const vq_arch_config *c, const vq_decoder_traits *t, vq_graph *g,
                           vq_arena *a, vq_err *e);

/* vq_rope_frequencies -- inverse frequencies [head_dim / 2] of the rotary embedding: default,
 * linear and llama3 scaling. In f32 as the
 * models were trained. source transformers modeling_rope_utils (default, linear, llama3)
 *
 *   test tests/unit/test_graph.c */
void vq_rope_frequencies(const vq_arch_config *c, float *inv_freq);

extern const vq_arch vq_arch_llama, vq_arch_mistral, vq_arch_qwen2, vq_arch_qwen3;

#endif
