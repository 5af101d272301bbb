/* hf_config.c -- config.json and generation_config.json of a Hugging Face folder (see hf_config.h).
 */
#include "formats/folder/hf_config.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "json/json_walk.h"

enum { CONFIG_MAX = 8 << 20 };

/* What transformers 5.23 takes where config.json is silent. */
typedef struct hf_family {
    const char *model_type;
    int64_t kv_heads, head_dim; /* 0: heads; hidden / heads */
    int64_t max_position, window;
    bool always_slides; /* the window holds for every layer, without use_sliding_window */
    int64_t bos, eos;
} hf_family;

static const hf_family families[] = {
    {"llama", 0, 0, 2048, 0, false, 1, 2},
    {"mistral", 8, 0, 131072, 4096, true, 1, 2},
    {"qwen2", 0, 0, 32768, 4096, false, -1, -1},
    {"qwen3", 0, 128, 32768, 4096, false, -1, -1},
};
static const hf_family other_family = {"", 0, 0, 2048, 0, false, -1, -1};

static const hf_family *find_family(const char *model_type)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (strcmp(families[i].model_type, model_type) == 0) return &families[i];
    }
    return &other_family;
}

static const json_t *get(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

typedef struct size_field {
    const char *key;
    size_t at; /* in vq_hf_config */
    bool required;
    int64_t max;
} size_field;

#define FIELD(member) offsetof(vq_hf_config, member)
static const size_field sizes[] = {
    {"hidden_size", FIELD(hidden), true, INT32_MAX},
    {"intermediate_size", FIELD(ffn), true, INT32_MAX},
    {"num_hidden_layers", FIELD(layers), true, 65536},
    {"num_attention_heads", FIELD(heads), true, INT32_MAX},
    {"vocab_size", FIELD(vocab), true, INT32_MAX},
    {"num_key_value_heads", FIELD(kv_heads), false, INT32_MAX},
    {"head_dim", FIELD(head_dim), false, INT32_MAX},
    {"max_position_embeddings", FIELD(max_position), false, INT32_MAX},
};

static vq_status read_size(const json_t *o, const char *key, int64_t max, int64_t *out, vq_err *e)
{
    const json_t *v = get(o, key);
    if (!v) return VQ_OK;
    if (!json_is_integer(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a whole number", key);
    *out = json_integer_value(v);
    if (*out > 0 && *out <= max) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s is %lld; 1 to %lld is possible", key, (long long)*out,
                   (long long)max);
}

static vq_status read_number(const json_t *o, const char *key, double *out, vq_err *e)
{
    const json_t *v = get(o, key);
    if (!v) return VQ_OK;
    if (!json_is_number(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a number", key);
    *out = json_number_value(v);
    return isfinite(*out) && *out > 0
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT, "%s is %g; it must be above 0", key, *out);
}

static vq_status read_flag(const json_t *o, const char *key, bool *out, vq_err *e)
{
    const json_t *v = get(o, key);
    if (!v) return VQ_OK;
    if (!json_is_boolean(v)) return vq_fail(e, VQ_E_INPUT, "%s is neither true nor false", key);
    *out = json_is_true(v);
    return VQ_OK;
}

static vq_status copy_text(const json_t *v, const char *key, char *out, size_t room, vq_err *e)
{
    if (!v) return VQ_OK;
    if (!json_is_string(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a string", key);
    if (json_string_length(v) >= room)
        return vq_fail(e, VQ_E_INPUT, "%s is longer than %zu bytes", key, room - 1);
    memcpy(out, json_string_value(v), json_string_length(v) + 1);
    return VQ_OK;
}

static vq_status read_sizes(vq_hf_config *c, const hf_family *f, vq_err *e)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t *out = (int64_t *)(void *)((char *)c + sizes[i].at);
        VQ_TRY(read_size(c->root, sizes[i].key, sizes[i].max, out, e));
        if (sizes[i].required && *out == 0)
            return vq_fail(e, VQ_E_INPUT, "%s is missing", sizes[i].key);
    }
    if (!c->max_position) c->max_position = f->max_position;
    if (!c->kv_heads)
        c->kv_heads = f->kv_heads && !json_object_get(c->root, "num_key_value_heads") ? f->kv_heads
                                                                                      : c->heads;
    if (!c->head_dim) c->head_dim = f->head_dim;
    if (!c->head_dim && c->heads && c->hidden % c->heads == 0) c->head_dim = c->hidden / c->heads;
    if (!c->head_dim) {
        return vq_fail(e, VQ_E_INPUT,
                       "hidden_size %lld is not a multiple of num_attention_heads %lld and "
                       "head_dim is missing",
                       (long long)c->hidden, (long long)c->heads);
    }
    if (c->head_dim % 2)
        return vq_fail(e, VQ_E_INPUT, "head_dim is %lld; rotary positions need an even one",
                       (long long)c->head_dim);
    if (c->heads % c->kv_heads) {
        return vq_fail(e, VQ_E_INPUT,
                       "num_attention_heads %lld is not a multiple of num_key_value_heads %lld",
                       (long long)c->heads, (long long)c->kv_heads);
    }
    return VQ_OK;
}

typedef struct rope_name {
    const char *name;
    vq_rope_type type;
} rope_name;
static const rope_name rope_names[] = {
    {"default", VQ_ROPE_DEFAULT}, {"linear", VQ_ROPE_LINEAR}, {"llama3", VQ_ROPE_LLAMA3}};

static vq_status read_rope_type(const json_t *rope, vq_rope_type *out, vq_err *e)
{
    const json_t *v = get(rope, "rope_type");
    if (!v) v = get(rope, "type"); /* before transformers 4.43 */
    if (!v) return VQ_OK;
    if (!json_is_string(v)) return vq_fail(e, VQ_E_INPUT, "rope_type is not a string");
    for (size_t i = 0; i < sizeof rope_names / sizeof *rope_names; i++) {
        *out = rope_names[i].type;
        if (strcmp(rope_names[i].name, json_string_value(v)) == 0) return VQ_OK;
    }
    return vq_fail(e, VQ_E_INPUT, "rope type %s is not supported; default, linear and llama3 are",
                   json_string_value(v));
}

static vq_status read_rope_factors(vq_hf_config *c, const json_t *rope, vq_err *e)
{
    VQ_TRY(read_number(rope, "factor", &c->rope_factor, e));
    VQ_TRY(read_number(rope, "low_freq_factor", &c->rope_low_freq_factor, e));
    VQ_TRY(read_number(rope, "high_freq_factor", &c->rope_high_freq_factor, e));
    VQ_TRY(
        read_size(rope, "original_max_position_embeddings", INT32_MAX, &c->rope_original_max, e));
    VQ_TRY(read_size(c->root, "original_max_position_embeddings", INT32_MAX, &c->rope_original_max,
                     e)); /* outranks the inner one */
    if (!c->rope_original_max) c->rope_original_max = c->max_position;
    if (c->rope_type != VQ_ROPE_DEFAULT && c->rope_factor == 0)
        return vq_fail(e, VQ_E_INPUT, "rope scaling has no factor");
    if (c->rope_type == VQ_ROPE_LLAMA3 &&
        !(c->rope_low_freq_factor > 0 && c->rope_high_freq_factor > c->rope_low_freq_factor)) {
        return vq_fail(e, VQ_E_INPUT,
                       "rope type llama3 needs low_freq_factor below high_freq_factor");
    }
    return VQ_OK;
}

/* 5.x: rope_parameters {rope_type, rope_theta, ...}. 4.x: rope_theta and rope_scaling (null, or
 * {type | rope_type, factor, ...}), which outranks rope_parameters where both are given. */
static vq_status read_rope(vq_hf_config *c, vq_err *e)
{
    const json_t *rope = get(c->root, "rope_scaling");
    if (!rope || json_object_size(rope) == 0) rope = get(c->root, "rope_parameters");
    if (rope && !json_is_object(rope))
        return vq_fail(e, VQ_E_INPUT, "the rope parameters are not an object");
    if (get(rope, "full_attention") || get(rope, "sliding_attention")) {
        return vq_fail(e, VQ_E_INPUT,
                       "rope parameters that differ between layers are not supported");
    }
    c->rope_theta = 10000;
    double part = 1;
    VQ_TRY(read_number(c->root, "rope_theta", &c->rope_theta, e));
    VQ_TRY(read_number(rope, "rope_theta", &c->rope_theta, e));
    VQ_TRY(read_number(c->root, "partial_rotary_factor", &part, e));
    VQ_TRY(read_number(rope, "partial_rotary_factor", &part, e));
    if (part != 1)
        return vq_fail(e, VQ_E_INPUT, "partial_rotary_factor %g is not supported; 1 is", part);
    VQ_TRY(read_rope_type(rope, &c->rope_type, e));
    return read_rope_factors(c, rope, e);
}

/* From which layer on the window holds: layer_types says it; without it max_window_layers does.
 * c->layers: none slides. */
static vq_status first_sliding(const vq_hf_config *c, bool use, int64_t *out, vq_err *e)
{
    const json_t *types = get(c->root, "layer_types"), *v;
    int64_t first = 28;
    VQ_TRY(read_size(c->root, "max_window_layers", INT32_MAX, &first, e));
    *out = use && first < c->layers ? first : c->layers;
    if (!types) return VQ_OK;
    if ((int64_t)json_array_size(types) != c->layers)
        return vq_fail(e, VQ_E_INPUT, "layer_types does not list every layer");
    size_t i;
    *out = c->layers;
    json_array_foreach(types, i, v)
    {
        const char *name = json_string_value(v);
        const bool slides = name && strcmp(name, "sliding_attention") == 0;
        if (!slides && !(name && strcmp(name, "full_attention") == 0)) {
            return vq_fail(e, VQ_E_INPUT, "layer_types: %s of layer %zu is not supported",
                           name ? name : "the entry", i);
        }
        if (!slides && *out < c->layers)
            return vq_fail(e, VQ_E_INPUT,
                           "layer_types: full attention after sliding layers is not supported");
        if (slides && *out == c->layers) *out = (int64_t)i;
    }
    return VQ_OK;
}

static vq_status read_window(vq_hf_config *c, const hf_family *f, vq_err *e)
{
    int64_t window = json_object_get(c->root, "sliding_window") ? 0 : f->window, from = 0;
    bool use = false;
    if (f->window == 0) return VQ_OK; /* the family has none, whatever the file says */
    VQ_TRY(read_size(c->root, "sliding_window", INT32_MAX, &window, e));
    VQ_TRY(read_flag(c->root, "use_sliding_window", &use, e));
    if (!f->always_slides) {
        VQ_TRY(first_sliding(c, use, &from, e));
        if (from == c->layers) return VQ_OK;
        if (!use || !window)
            return vq_fail(e, VQ_E_INPUT,
                           "layer_types has sliding layers but no sliding window is in use");
    }
    c->sliding_window = window;
    c->sliding_from = from;
    return VQ_OK;
}

static vq_status read_token(const json_t *v, const char *key, int64_t *out, vq_err *e)
{
    if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) > INT32_MAX) {
        return vq_fail(e, VQ_E_INPUT, "%s is not a token id", key);
    }
    *out = json_integer_value(v);
    return VQ_OK;
}

/* What `o` says of the first and last tokens replaces what is there; null says that there are none.
 */
static vq_status read_tokens(vq_hf_config *c, const json_t *o, vq_err *e)
{
    const json_t *bos = json_object_get(o, "bos_token_id"),
                 *eos = json_object_get(o, "eos_token_id");
    if (json_is_null(bos))
        c->bos = -1;
    else if (bos)
        VQ_TRY(read_token(bos, "bos_token_id", &c->bos, e));
    if (!eos) return VQ_OK;
    const size_t room = sizeof c->eos / sizeof *c->eos, n = json_is_array(eos)
                                                                ? json_array_size(eos)
                                                            : json_is_null(eos) ? 0
                                                                                : 1;
    if (n > room)
        return vq_fail(e, VQ_E_INPUT, "eos_token_id lists %zu tokens; at most %zu are supported", n,
                       room);
    for (size_t i = 0; i < room; i++) c->eos[i] = -1;
    for (size_t i = 0; i < n; i++)
        VQ_TRY(read_token(json_is_array(eos) ? json_array_get(eos, i) : eos, "eos_token_id",
                          &c->eos[i], e));
    c->eos_count = (int)n;
    return VQ_OK;
}

static vq_status read_generation(vq_hf_config *c, const char *config_path, vq_err *e)
{
    char path[4096];
    const int dir = (int)(vq_base_name(config_path) - config_path);
    if ((size_t)snprintf(path, sizeof path, "%.*sgeneration_config.json", dir, config_path) >=
            sizeof path ||
        !vq_exists(path))
        return VQ_OK;
    json_t *g;
    VQ_TRY(vq_json_file(path, CONFIG_MAX, &g, e));
    const vq_status s = read_tokens(c, g, e);
    json_decref(g);
    if (s != VQ_OK) (void)vq_at(e, "generation_config.json");
    return s;
}

static vq_status read_names(vq_hf_config *c, bool known, vq_err *e)
{
    const json_t *quant = get(c->root, "quantization_config");
    VQ_TRY(copy_text(get(c->root, "model_type"), "model_type", c->model_type, sizeof c->model_type,
                     e));
    if (known && !c->model_type[0]) return vq_fail(e, VQ_E_INPUT, "model_type is missing");
    VQ_TRY(copy_text(json_array_get(get(c->root, "architectures"), 0), "architectures",
                     c->architecture, sizeof c->architecture, e));
    if (!quant) return VQ_OK;
    if (!json_is_object(quant))
        return vq_fail(e, VQ_E_INPUT, "quantization_config is not an object");
    c->quantized = true;
    return copy_text(get(quant, "quant_method"), "quant_method", c->quant_method,
                     sizeof c->quant_method, e);
}

static vq_status read_rest(vq_hf_config *c, vq_err *e)
{
    c->norm_eps = 1e-6;
    memcpy(c->activation, "silu", sizeof "silu");
    VQ_TRY(read_number(c->root, "rms_norm_eps", &c->norm_eps, e));
    VQ_TRY(copy_text(get(c->root, "hidden_act"), "hidden_act", c->activation, sizeof c->activation,
                     e));
    VQ_TRY(read_flag(c->root, "tie_word_embeddings", &c->tied, e));
    VQ_TRY(read_flag(c->root, "attention_bias", &c->attention_bias, e));
    return read_flag(c->root, "mlp_bias", &c->mlp_bias, e);
}

static vq_status fill(vq_hf_config *c, bool known, vq_err *e)
{
    VQ_TRY(read_names(c, known, e));
    const hf_family *f = find_family(c->model_type);
    c->bos = f->bos;
    for (size_t i = 0; i < sizeof c->eos / sizeof *c->eos; i++) c->eos[i] = -1;
    c->eos[0] = f->eos;
    c->eos_count = f->eos >= 0;
    if (!known) return VQ_OK;
    VQ_TRY(read_sizes(c, f, e));
    VQ_TRY(read_rest(c, e));
    VQ_TRY(read_rope(c, e));
    VQ_TRY(read_window(c, f, e));
    return read_tokens(c, c->root, e);
}

vq_status vq_hf_config_read(vq_hf_config *c, const char *path, bool known, vq_err *e)
{
    *c = (vq_hf_config){0};
    VQ_TRY(vq_json_file(path, CONFIG_MAX, &c->root, e));
    vq_status s = fill(c, known, e);
    if (s != VQ_OK) (void)vq_at(e, "%s", vq_base_name(path));
    if (s == VQ_OK && known) s = read_generation(c, path, e);
    if (s != VQ_OK) vq_hf_config_done(c);
    return s;
}

void vq_hf_config_done(vq_hf_config *c)
{
    json_decref(c->root);
    *c = (vq_hf_config){0};
}
