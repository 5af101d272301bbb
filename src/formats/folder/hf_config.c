/* hf_config.c -- config.json and generation_config.json of a Hugging Face folder (see hf_config.h).
 */
#include "formats/folder/hf_config.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_walk.h"

enum { CONFIG_MAX = 8 << 20 };

static const json_t *get(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
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
    for (size_t i = 0; i < room; i++) c->eos[i] = -1;
    for (size_t i = 0; i < n && i < room; i++)
        VQ_TRY(read_token(json_is_array(eos) ? json_array_get(eos, i) : eos, "eos_token_id",
                          &c->eos[i], e));
    c->eos_count = (int)(n < room ? n : room);
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

static vq_status read_names(vq_hf_config *c, vq_err *e)
{
    const json_t *quant = get(c->root, "quantization_config");
    VQ_TRY(copy_text(get(c->root, "model_type"), "model_type", c->model_type, sizeof c->model_type,
                     e));
    VQ_TRY(copy_text(json_array_get(get(c->root, "architectures"), 0), "architectures",
                     c->architecture, sizeof c->architecture, e));
    if (!quant) return VQ_OK;
    if (!json_is_object(quant))
        return vq_fail(e, VQ_E_INPUT, "quantization_config is not an object");
    c->quantized = true;
    return copy_text(get(quant, "quant_method"), "quant_method", c->quant_method,
                     sizeof c->quant_method, e);
}

/* What is written from it keeps every byte that it does not change. */
static vq_status keep_text(vq_hf_config *c, const char *path, vq_err *e)
{
    vq_map *m = &c->map;
    VQ_TRY(vq_map_open(m, path, e));
    const char *from = (const char *)m->data;
    const size_t mark = m->size >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (m->size <= CONFIG_MAX) c->text = strndup(from + mark, m->size - mark);
    return c->text || m->size > CONFIG_MAX
               ? VQ_OK
               : vq_fail(e, VQ_E_LIMIT, "%s: no memory for the text", path);
}

vq_status vq_hf_config_read(vq_hf_config *c, const char *path, vq_err *e)
{
    *c = (vq_hf_config){.bos = -1};
    vq_status s = keep_text(c, path, e);
    if (s == VQ_OK) s = vq_json_file(path, CONFIG_MAX, &c->root, e);
    if (s != VQ_OK) {
        vq_hf_config_done(c);
        return s;
    }
    s = read_names(c, e);
    if (s == VQ_OK) return VQ_OK;
    (void)vq_at(e, "%s", vq_base_name(path));
    vq_hf_config_done(c);
    return s;
}

vq_status vq_hf_config_tokens(vq_hf_config *c, const char *path, int64_t bos, int64_t eos,
                              vq_err *e)
{
    c->bos = bos;
    for (size_t i = 0; i < sizeof c->eos / sizeof *c->eos; i++) c->eos[i] = -1;
    c->eos[0] = eos;
    c->eos_count = eos >= 0;
    if (read_tokens(c, c->root, e) != VQ_OK) return vq_at(e, "%s", vq_base_name(path));
    return read_generation(c, path, e);
}

void vq_hf_config_done(vq_hf_config *c)
{
    json_decref(c->root);
    free(c->text);
    vq_map_close(&c->map);
    *c = (vq_hf_config){0};
}
