/* made_config.h -- a small decoder's config.json from a struct, and its graph. */
#ifndef VQ_TESTS_MADE_CONFIG_H
#define VQ_TESTS_MADE_CONFIG_H

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "model/arch/arch_table.h"

typedef struct made_config {
    const char *model_type;
    int64_t hidden, ffn, layers, heads, kv_heads, head_dim, vocab, max_position, sliding_window;
    int64_t sliding_from; /* Qwen: first block with the window */
    double norm_eps, rope_theta;
    const char *rope_scaling; /* JSON, NULL: none */
    bool tied, attention_bias, mlp_bias;
    const char *activation;
} made_config;

static inline const char *made_flag(bool b)
{
    return b ? "true" : "false";
}

/* made_config_text -- config.json into text [size]. */
static inline void made_config_text(const made_config *c, char *text, size_t size)
{
    char window[160] = ", \"sliding_window\": null";
    if (c->sliding_window)
        snprintf(window, sizeof window,
                 ", \"sliding_window\": %lld, \"use_sliding_window\": true, "
                 "\"max_window_layers\": %lld",
                 (long long)c->sliding_window, (long long)c->sliding_from);
    snprintf(text, size,
             "{\"model_type\": \"%s\", \"hidden_size\": %lld, \"intermediate_size\": %lld, "
             "\"num_hidden_layers\": %lld, \"num_attention_heads\": %lld, "
             "\"num_key_value_heads\": %lld, \"head_dim\": %lld, \"vocab_size\": %lld, "
             "\"max_position_embeddings\": %lld, \"rms_norm_eps\": %g, \"rope_theta\": %g, "
             "\"rope_scaling\": %s, \"hidden_act\": \"%s\", \"tie_word_embeddings\": %s, "
             "\"attention_bias\": %s, \"mlp_bias\": %s%s}",
             c->model_type, (long long)c->hidden, (long long)c->ffn, (long long)c->layers,
             (long long)c->heads, (long long)c->kv_heads, (long long)c->head_dim,
             (long long)c->vocab, (long long)c->max_position, c->norm_eps, c->rope_theta,
             c->rope_scaling ? c->rope_scaling : "null", c->activation, made_flag(c->tied),
             made_flag(c->attention_bias), made_flag(c->mlp_bias), window);
}

/* made_text_build -- the graph of a config's text. */
static inline vq_status made_text_build(const char *text, vq_graph *g, vq_arena *a, vq_err *e)
{
    json_t *root = json_loads(text, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "model_type"));
    const vq_arch *arch = type ? vq_arch_find(type) : NULL;
    vq_config c = {.root = root, .model_type = arch ? arch->model_type : ""};
    const vq_status s =
        arch ? arch->build(&c, g, a, e) : vq_fail(e, VQ_E_BUG, "no such architecture");
    json_decref(root);
    return s;
}

static inline vq_status made_config_build(const made_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    char text[2048];
    made_config_text(c, text, sizeof text);
    return made_text_build(text, g, a, e);
}

#endif
