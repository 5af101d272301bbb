/* arch.h -- the architectures: one builder file each, one line in the table.
 * docs/adding-an-architecture.md has the steps. */
#ifndef VQ_MODEL_ARCH_ARCH_H
#define VQ_MODEL_ARCH_ARCH_H

#include "model/graph.h"

/* Sizes of a decoder as its config gives them (run copies them from vq_hf_config: model and formats
 * share only base). */
typedef struct vq_arch_config {
    const char *model_type;
    int64_t hidden, ffn, layers, heads, kv_heads, head_dim, vocab, max_position, sliding_window;
    double norm_eps, rope_theta, rope_factor, rope_low_freq_factor, rope_high_freq_factor;
    int64_t sliding_from; /* first block with the sliding window (Qwen: max_window_layers) */
    int rope_type;        /* 0 default, 1 linear, 2 llama3 */
    int64_t rope_original_max;
    bool tied, attention_bias, mlp_bias;
    const char *activation;
} vq_arch_config;

typedef struct vq_arch {
    const char *model_type; /* "llama", "mistral", "qwen2", "qwen3" */
    const char *doc;
    vq_status (*build)(const vq_arch_config *c, vq_graph *g, vq_arena *a, vq_err *e);
} vq_arch;

const vq_arch *vq_arch_find(const char *model_type); /* NULL: no builder */
const vq_arch *vq_arch_at(int i);                    /* NULL past the end */

#endif
