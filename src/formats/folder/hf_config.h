/* hf_config.h -- config.json and generation_config.json of a Hugging Face folder, checked and
 * typed. Source: spec/file-formats 5 (defaults of transformers 5.23); reads 4.x and 5.x spellings.
 * test tests/unit/test_hf_config.c */
#ifndef VQ_FORMATS_FOLDER_HF_CONFIG_H
#define VQ_FORMATS_FOLDER_HF_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum vq_rope_type { VQ_ROPE_DEFAULT, VQ_ROPE_LINEAR, VQ_ROPE_LLAMA3 } vq_rope_type;

typedef struct vq_hf_config {
    json_t *root;          /* whole file; owned by the config until vq_hf_config_done */
    char model_type[64];   /* "llama"; "" when there is no config.json */
    char architecture[96]; /* architectures[0] */
    int64_t hidden, ffn, layers, heads, kv_heads, head_dim, vocab, max_position,
        sliding_window /* 0 none */;
    int64_t sliding_from; /* first layer with the sliding window */
    double norm_eps, rope_theta;
    vq_rope_type rope_type;
    double rope_factor, rope_low_freq_factor, rope_high_freq_factor;
    int64_t rope_original_max;
    bool tied, attention_bias, mlp_bias;
    char activation[32]; /* "silu" */
    int64_t bos, eos[8]; /* -1 when absent */
    int eos_count;
    bool quantized; /* has quantization_config */
    char quant_method[48];
} vq_hf_config;

/* vq_hf_config_read -- PATH of config.json; generation_config.json beside it, when there, has the
 * last word on bos and eos. VQ_E_INPUT: missing, broken, a size missing, zero, or beyond 2^31;
 * heads not a multiple of kv_heads; an unsupported rope type; layers that differ in their window.
 * With known=false (architecture without a builder) only model_type, architecture and quantization
 * are read and nothing is required. */
vq_status vq_hf_config_read(vq_hf_config *c, const char *path, bool known, vq_err *e);
void vq_hf_config_done(vq_hf_config *c);

#endif
