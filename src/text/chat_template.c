/* chat_template.c -- finds the chat template of a model folder and renders conversations with it.
 */
#include "text/chat_template.h"

#include <string.h>

#include "base/file.h"
#include "jinja/jinja.h"
#include "text/utf8.h"
#include "json/json_walk.h"

#define CONFIG_MAX ((size_t)8 << 20)

struct vq_chat_template {
    const char *path; /* for messages */
    vq_jnode *body;
    vq_jbinding *names; /* special tokens */
    bool ask;           /* add_generation_prompt */
    const volatile sig_atomic_t *stop;
    int64_t *spare; /* work beyond their own that all renderings share */
};

static vq_status bind_name(vq_chat_template *t, const char *name, const char *text, vq_arena *a,
                           vq_err *e)
{
    vq_jbinding *b = VQ_NEW(a, vq_jbinding, 1, "special tokens", e);
    char *copy = b ? vq_arena_text(a, e, "%s", text) : NULL;
    char *key = copy ? vq_arena_text(a, e, "%s", name) : NULL;
    if (!key) return VQ_E_LIMIT;
    *b = (vq_jbinding){.name = key, .value = vq_jtext(copy, strlen(copy)), .next = t->names};
    t->names = b;
    return VQ_OK;
}

/* "bos_token": "<s>", or {"content": "<s>", ...}; whatever ends in _token. */
static vq_status bind_names(vq_chat_template *t, const json_t *names, vq_arena *a, vq_err *e)
{
    const char *key;
    json_t *value;
    if (!json_is_object(names)) return VQ_OK;
    json_object_foreach((json_t *)(uintptr_t)names, key, value)
    {
        const size_t n = strlen(key);
        const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
        if (n < 6 || strcmp(key + n - 6, "_token") != 0 || !json_is_string(text)) continue;
        VQ_TRY(bind_name(t, key, json_string_value(text), a, e));
    }
    return VQ_OK;
}

vq_status vq_chat_template_parse(vq_chat_template **t, const vq_chat_source *s, vq_arena *a,
                                 vq_err *e)
{
    vq_jtoken *tokens;
    *t = VQ_NEW(a, vq_chat_template, 1, "chat template", e);
    if (!*t) return VQ_E_LIMIT;
    (*t)->path = "chat template";
    if (!((*t)->spare = VQ_ALLOC(a, int64_t, 1, "chat template", e))) return VQ_E_LIMIT;
    *(*t)->spare = VQ_J_WORK;
    VQ_TRY(vq_utf8_check(s->text, s->len, "the template", e));
    VQ_TRY(vq_jlex(s->text, s->len, a, &tokens, e));
    VQ_TRY(vq_jparse(tokens, a, &(*t)->body, e));
    return bind_names(*t, s->names, a, e);
}

/* "chat_template": text, or [{"name": "default", "template": text}, ...] */
static const json_t *find_text(const json_t *config)
{
    const json_t *entry = json_object_get(config, "chat_template"), *named;
    size_t i;
    if (!json_is_array(entry)) return entry;
    json_array_foreach(entry, i, named)
    {
        const char *name = json_string_value(json_object_get(named, "name"));
        if (name && strcmp(name, "default") == 0) return json_object_get(named, "template");
    }
    return NULL;
}

static vq_status open_config(vq_chat_template **t, const json_t *config, const char *path,
                             vq_arena *a, vq_err *e)
{
    const json_t *text = find_text(config);
    if (!text || json_is_null(text)) return VQ_OK;
    if (!json_is_string(text))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: \"chat_template\" is neither text nor a list of named texts", path);
    const vq_chat_source s = {
        .text = json_string_value(text), .len = json_string_length(text), .names = config};
    if (vq_chat_template_parse(t, &s, a, e) != VQ_OK) return vq_at(e, "%s > chat_template", path);
    (*t)->path = vq_arena_text(a, e, "%s > chat_template", path);
    return (*t)->path ? VQ_OK : VQ_E_LIMIT;
}

static vq_status open_file(vq_chat_template **t, const json_t *config, const char *path,
                           vq_arena *a, vq_err *e)
{
    vq_map map;
    VQ_TRY(vq_map_open(&map, path, e));
    const vq_chat_source s = {.text = (const char *)map.data, .len = map.size, .names = config};
    vq_status status = vq_chat_template_parse(t, &s, a, e);
    if (status == VQ_OK)
        (*t)->path = path;
    else
        (void)vq_at(e, "%s", path);
    vq_map_close(&map);
    return status;
}

vq_status vq_chat_template_open(vq_chat_template **t, const char *dir, vq_arena *a, vq_err *e)
{
    const char *file = vq_join(a, dir, "chat_template.jinja", e);
    const char *config_path = file ? vq_join(a, dir, "tokenizer_config.json", e) : NULL;
    json_t *config = NULL;
    *t = NULL;
    if (!config_path) return VQ_E_LIMIT;
    if (vq_exists(config_path)) VQ_TRY(vq_json_file(config_path, CONFIG_MAX, &config, e));
    vq_status s = VQ_OK;
    if (vq_exists(file))
        s = open_file(t, config, file, a, e);
    else if (config)
        s = open_config(t, config, config_path, a, e);
    json_decref(config);
    if (s != VQ_OK) *t = NULL;
    return s;
}

void vq_chat_template_heed(vq_chat_template *t, const vq_reporter *w)
{
    t->stop = w ? w->stop : NULL;
}

static vq_status bind_inputs(vq_jrun *x, const vq_chat_template *t, const json_t *messages,
                             const json_t *tools)
{
    const vq_jvalue ask = vq_jbool(t->ask), none = {.kind = VQ_J_NONE};
    vq_jvalue value;
    for (const vq_jbinding *b = t->names; b; b = b->next)
        VQ_TRY(vq_jbind(x, x->frame, b->name, &b->value));
    VQ_TRY(vq_jfrom_json(x, messages, &value));
    VQ_TRY(vq_jbind(x, x->frame, "messages", &value));
    VQ_TRY(vq_jfrom_json(x, tools, &value));
    VQ_TRY(vq_jbind(x, x->frame, "tools", &value));
    VQ_TRY(vq_jbind(x, x->frame, "documents", &none));
    return vq_jbind(x, x->frame, "add_generation_prompt", &ask);
}

void vq_chat_template_ask(vq_chat_template *t)
{
    t->ask = true;
}

/* What a rendering may take: some work per conversation and for each byte of it, and of what is
 * left for all of them as much as it needs. `given`: what reading the conversation took. */
static vq_status run(vq_jrun *x, const vq_chat_template *t, int64_t given)
{
    const int64_t own = VQ_J_OWN + VQ_J_OWN_BYTE * given, room = own + *t->spare;
    if (room < x->work) x->work = room;
    const int64_t before = x->work;
    const vq_status s = vq_jexec(x, t->body);
    const int64_t over = before - x->work - own;
    if (over > 0) *t->spare -= over < *t->spare ? over : *t->spare;
    return s;
}

vq_status vq_chat_template_render(const vq_chat_template *t, const json_t *messages,
                                  const json_t *tools, vq_arena *a, char **text, size_t *len,
                                  vq_err *e)
{
    vq_jbuffer out = {0};
    vq_jframe globals = {0};
    vq_jrun x = {
        .a = a, .e = e, .stop = t->stop, .work = VQ_J_WORK, .frame = &globals, .out = &out};
    if (bind_inputs(&x, t, messages, tools) != VQ_OK || run(&x, t, VQ_J_WORK - x.work) != VQ_OK)
        return vq_at(e, "%s", t->path);
    if (vq_jput(&x, &out, "", 1) != VQ_OK) return vq_at(e, "%s", t->path);
    *text = out.s; /* with a NUL behind it */
    *len = out.n - 1;
    return VQ_OK;
}
