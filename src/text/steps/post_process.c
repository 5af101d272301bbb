/* post_process.c -- which post-processors there are: all put ids around a single text. */
#include "text/steps/post_process.h"

#include <stdbool.h>
#include <string.h>

#include "text/steps/kind.h"

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

/* ["text", id] */
static vq_status parse_pair(const json_t *o, const char *name, int64_t size, int32_t *id, vq_err *e)
{
    const json_t *v = json_array_get(json_object_get(o, name), 1);
    const int64_t i = json_is_integer(v) ? json_integer_value(v) : -1;
    if (i < 0 || i >= size)
        return vq_fail(e, VQ_E_INPUT, "\"%s\" has no id of the vocabulary", name);
    *id = (int32_t)i;
    return VQ_OK;
}

/* RobertaProcessing and BertProcessing: cls, the text, sep */
static vq_status parse_cls_sep(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    if (t->before) return vq_fail(e, VQ_E_INPUT, "two templates are not supported");
    t->before = VQ_ALLOC(a, int32_t, 1, "post-processor", e);
    t->behind = t->before ? VQ_ALLOC(a, int32_t, 1, "post-processor", e) : NULL;
    if (!t->behind) return VQ_E_LIMIT;
    VQ_TRY(parse_pair(o, "cls", size, &t->before[0], e));
    VQ_TRY(parse_pair(o, "sep", size, &t->behind[0], e));
    t->nbefore = t->nbehind = 1;
    return VQ_OK;
}

static vq_status parse_nothing(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    (void)t, (void)o, (void)size, (void)a, (void)e;
    return VQ_OK;
}

static const struct process_kind {
    const char *type;
    vq_status (*parse)(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e);
} kinds[] = {
    {"BertProcessing", parse_cls_sep},
    {"ByteLevel", parse_nothing}, /* trims offsets, which nobody asks for here */
    {"RobertaProcessing", parse_cls_sep},
    {"TemplateProcessing", parse_template},
};

typedef struct process_parser {
    vq_template *t;
    int64_t size;
    vq_arena *a;
} process_parser;

static vq_status visit(void *ctx, json_t *o, const char *type, vq_err *e)
{
    const process_parser *p = ctx;
    const void *row;
    VQ_TRY(vq_kind_find(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, &row, e));
    return ((const struct process_kind *)row)->parse(p->t, o, p->size, p->a, e);
}

vq_status vq_template_parse(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e)
{
    *t = (vq_template){.before = NULL};
    process_parser p = {.t = t, .size = size, .a = a};
    return vq_kind_each(o, "processors", visit, &p, e);
}
