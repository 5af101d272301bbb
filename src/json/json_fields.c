/* json_fields.c -- typed fields of JSON objects. */
#include "json/json_fields.h"

vq_status vq_json_flag(const json_t *object, const char *name, bool def, bool *out, vq_err *e)
{
    const json_t *v = json_object_get(object, name);
    *out = def;
    if (!v || json_is_null(v)) return VQ_OK;
    if (!json_is_boolean(v)) return vq_fail(e, VQ_E_INPUT, "\"%s\" is not true or false", name);
    *out = json_is_true(v);
    return VQ_OK;
}

vq_status vq_json_text(const json_t *object, const char *name, const char **out, vq_err *e)
{
    *out = json_string_value(json_object_get(object, name));
    return *out ? VQ_OK : vq_fail(e, VQ_E_INPUT, "\"%s\" is missing or no string", name);
}
