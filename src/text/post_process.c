/* post_process.c -- TemplateProcessing of a single text. */
#include "text/post_process.h"

#include <stdbool.h>
#include <string.h>

#include "json/json_fields.h"

static vq_status add_special(vq_template *t, bool behind, const json_t *special, const char *name,
                             int64_t size, vq_err *e)
{
    const json_t *ids = json_object_get(json_object_get(special, name), "ids");
    if (!json_is_array(ids))
        return vq_fail(e, VQ_E_INPUT, "special token \"%.80s\" has no array \"ids\"", name);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *v = json_array_get(ids, i);
        const int64_t id = json_is_integer(v) ? json_integer_value(v) : -1;
        if (id < 0 || id >= size)
            return vq_fail(e, VQ_E_INPUT,
                           "special token \"%.80s\" has an id outside the vocabulary", name);
        if (behind)
            t->behind[t->nbehind++] = (int32_t)id;
        else
            t->before[t->nbefore++] = (int32_t)id;
    }
    return VQ_OK;
}

/* ids that a template of these pieces can have at most */
static size_t room_for(const json_t *single, json_t *special)
{
    size_t most = 0;
    const char *name;
    json_t *o;
    json_object_foreach(special, name, o)
    {
        const size_t n = json_array_size(json_object_get(o, "ids"));
        most = n > most ? n : most;
    }
    return most * json_array_size(single);
}

static vq_status parse_template(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    json_t *single = json_object_get(o, "single"), *special = json_object_get(o, "special_tokens");
    if (t->before) return vq_fail(e, VQ_E_INPUT, "two templates are not supported");
    if (!json_is_array(single)) return vq_fail(e, VQ_E_INPUT, "no array \"single\"");
    t->before = VQ_ALLOC(a, int32_t, room_for(single, special), "post-processor", e);
    t->behind =
        t->before ? VQ_ALLOC(a, int32_t, room_for(single, special), "post-processor", e) : NULL;
    if (!t->behind) return VQ_E_LIMIT;
    bool text = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *piece = json_array_get(single, i),
                     *sequence = json_object_get(piece, "Sequence");
        const char *id = json_string_value(json_object_get(sequence, "id")),
                   *name = json_string_value(
                       json_object_get(json_object_get(piece, "SpecialToken"), "id"));
        if ((!id && !name) || (id && (strcmp(id, "A") != 0 || text)))
            return vq_fail(e, VQ_E_INPUT,
                           "piece %zu is neither the text, once, nor a special token", i);
        text = text || id;
        if (name) VQ_TRY(add_special(t, text, special, name, size, e));
    }
    return text ? VQ_OK : vq_fail(e, VQ_E_INPUT, "the template leaves the text out");
}

static vq_status parse_one(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    const char *type;
    VQ_TRY(vq_json_text(o, "type", &type, e));
    if (strcmp(type, "ByteLevel") == 0) return VQ_OK;
    if (strcmp(type, "TemplateProcessing") != 0)
        return vq_fail(e, VQ_E_INPUT, "type %.40s is not supported", type);
    return parse_template(t, o, size, a, e) == VQ_OK ? VQ_OK : vq_at(e, "%s", type);
}

vq_status vq_template_parse(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    *t = (vq_template){.before = NULL};
    if (!o || json_is_null(o)) return VQ_OK;
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!type || strcmp(type, "Sequence") != 0) return parse_one(t, o, size, a, e);
    const json_t *list = json_object_get(o, "processors");
    if (!json_is_array(list)) return vq_fail(e, VQ_E_INPUT, "Sequence has no array \"processors\"");
    for (size_t i = 0; i < json_array_size(list); i++)
        VQ_TRY(parse_one(t, json_array_get(list, i), size, a, e));
    return VQ_OK;
}
