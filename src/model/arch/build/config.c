/* config.c -- one key at a time. */
#include "model/arch/build/config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const json_t *vq_config_get(const vq_config *c, const char *key)
{
    const json_t *v = json_object_get(c->root, key);
    return json_is_null(v) ? NULL : v;
}

bool vq_config_has(const vq_config *c, const char *key)
{
    return json_object_get(c->root, key) != NULL;
}

static vq_status read_whole(const vq_config *c, const char *key, int64_t least, int64_t fallback,
                            int64_t *out, vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if (!v && fallback == VQ_REQUIRED) return vq_fail(e, VQ_E_INPUT, "%s is missing", key);
    if (v && !json_is_integer(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a whole number", key);
    const int64_t n = v ? json_integer_value(v) : fallback;
    if (v && (n < least || n > VQ_CONFIG_SIZE_MAX))
        return vq_fail(e, VQ_E_INPUT, "%s is %lld; %lld to %d is possible", key, (long long)n,
                       (long long)least, VQ_CONFIG_SIZE_MAX);
    *out = n;
    return VQ_OK;
}

vq_status vq_config_size(const vq_config *c, const char *key, int64_t fallback, int64_t *out,
                         vq_err *e)
{
    return read_whole(c, key, 1, fallback, out, e);
}

vq_status vq_config_count(const vq_config *c, const char *key, int64_t fallback, int64_t *out,
                          vq_err *e)
{
    return read_whole(c, key, 0, fallback, out, e);
}

vq_status vq_config_number(const vq_config *c, const char *key, double fallback, double *out,
                           vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if (v && !json_is_number(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a number", key);
    const double x = v ? json_number_value(v) : fallback;
    if (v && !(x > 0)) return vq_fail(e, VQ_E_INPUT, "%s is %g; it must be above 0", key, x);
    if (v && (!isfinite((float)x) || (float)x == 0))
        return vq_fail(e, VQ_E_INPUT, "%s is %g, beyond the numbers of 32 bits", key, x);
    *out = x;
    return VQ_OK;
}

vq_status vq_config_flag(const vq_config *c, const char *key, bool fallback, bool *out, vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if (v && !json_is_boolean(v))
        return vq_fail(e, VQ_E_INPUT, "%s is neither true nor false", key);
    *out = v ? json_is_true(v) : fallback;
    return VQ_OK;
}

vq_status vq_config_text(const vq_config *c, const char *key, const char *fallback,
                         const char **out, vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if (v && !json_is_string(v)) return vq_fail(e, VQ_E_INPUT, "%s is not a string", key);
    *out = v ? json_string_value(v) : fallback;
    return VQ_OK;
}

vq_status vq_config_numbers(const vq_config *c, const char *key, int64_t n, float *out, vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if ((int64_t)json_array_size(v) != n)
        return vq_fail(e, VQ_E_INPUT, "%s must list %lld numbers", key, (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(v, (size_t)i);
        if (!json_is_number(one) || !(json_number_value(one) > 0))
            return vq_fail(e, VQ_E_INPUT, "%s: entry %lld is not a number above 0", key,
                           (long long)i);
        out[i] = (float)json_number_value(one);
    }
    return VQ_OK;
}

bool vq_config_holds(const vq_config *c, const char *tensor)
{
    return c->source && c->source->has(c->source->self, tensor);
}

const char *vq_config_prefix(const vq_config *c, const char *const *prefixes, const char *tensor)
{
    char name[512];
    for (int i = 0; prefixes[i]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", prefixes[i], tensor);
        if (vq_config_holds(c, name)) return prefixes[i];
    }
    return prefixes[0];
}

vq_status vq_config_inside(const vq_config *c, const char *key, vq_config *out, vq_err *e)
{
    const json_t *v = vq_config_get(c, key);
    if (v && !json_is_object(v)) return vq_fail(e, VQ_E_INPUT, "%s is not an object", key);
    *out =
        (vq_config){.root = v, .model_type = c->model_type, .source = c->source, .around = c->root};
    return VQ_OK;
}

vq_status vq_config_unsupported(vq_config *c, vq_err *e, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->unsupported = true;
    return vq_fail(e, VQ_E_INPUT, "%s", text);
}

vq_status vq_config_slides(vq_config *c, int64_t layer, int64_t layers, bool fallback, bool *out,
                           vq_err *e)
{
    const json_t *types = vq_config_get(c, "layer_types");
    *out = fallback;
    if (!types) return VQ_OK;
    if ((int64_t)json_array_size(types) != layers)
        return vq_fail(e, VQ_E_INPUT, "layer_types does not list every layer");
    const char *name = json_string_value(json_array_get(types, (size_t)layer));
    *out = name && strcmp(name, "sliding_attention") == 0;
    if (*out || (name && strcmp(name, "full_attention") == 0)) return VQ_OK;
    return vq_config_unsupported(c, e, "layer_types: %s of layer %lld is not supported",
                                 name ? name : "the entry", (long long)layer);
}
