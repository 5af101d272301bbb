/* conversations.c -- JSON lines to windows of token ids. */
#include "plan/conversations.h"

#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "text/chat_template.h"
#include "text/json_lines.h"
#include "text/tokenizer.h"

typedef struct packer {
    const vq_plan *plan;
    vq_json_lines lines;
    size_t *order; /* [lines.count] */
    vq_tokenizer *tokenizer;
    vq_chat_template *chat; /* NULL: the model has none, or the recipe wants none */
    vq_samples *samples;
    int32_t *ids;
    vq_arena names, work; /* of the whole run, of one line */
    vq_conversations *out;
} packer;

static vq_status check_messages(const json_t *messages, vq_err *e)
{
    const json_t *m;
    size_t i;
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return vq_fail(e, VQ_E_INPUT, "\"messages\" is no list of messages, or an empty one");
    json_array_foreach(messages, i, m)
    {
        if (!json_is_object(m)) return vq_fail(e, VQ_E_INPUT, "message %zu is no object", i + 1);
        if (!json_is_string(json_object_get(m, "role")))
            return vq_fail(e, VQ_E_INPUT, "message %zu has no \"role\" that is text", i + 1);
        if (!json_object_get(m, "content"))
            return vq_fail(e, VQ_E_INPUT, "message %zu has no \"content\"", i + 1);
    }
    return VQ_OK;
}

/* template: none takes what was said, a line each, and leaves out who said it. */
static vq_status join_contents(const json_t *messages, vq_arena *a, char **text, size_t *len,
                               vq_err *e)
{
    const json_t *m;
    size_t i, room = 0;
    json_array_foreach(messages, i, m)
    {
        const json_t *content = json_object_get(m, "content");
        if (!json_is_string(content))
            return vq_fail(e, VQ_E_INPUT, "the content of message %zu is no text", i + 1);
        room += json_string_length(content) + 1;
    }
    if (!(*text = VQ_ALLOC(a, char, room, "conversation", e))) return VQ_E_LIMIT;
    *len = 0;
    json_array_foreach(messages, i, m)
    {
        const json_t *content = json_object_get(m, "content");
        memcpy(*text + *len, json_string_value(content), json_string_length(content));
        *len += json_string_length(content);
        (*text)[(*len)++] = '\n';
    }
    return VQ_OK;
}

static vq_status render(packer *p, const json_t *messages, const json_t *tools, char **text,
                        size_t *len, vq_err *e)
{
    VQ_TRY(check_messages(messages, e));
    if (tools && !json_is_null(tools) && !json_is_array(tools))
        return vq_fail(e, VQ_E_INPUT, "\"tools\" is no list");
    if (p->plan->recipe->calib.plain_chat) return join_contents(messages, &p->work, text, len, e);
    if (p->chat) return vq_chat_template_render(p->chat, messages, tools, &p->work, text, len, e);
    return vq_fail(e, VQ_E_INPUT,
                   "the line holds messages, and the model has no chat template "
                   "(chat_template.jinja, or \"chat_template\" in "
                   "tokenizer_config.json): add one, or calibrate on what is said alone with "
                   "--set calib.template=none");
}

/* A template writes the special tokens itself; a text gets those that the tokenizer puts around it.
 */
static vq_status line_ids(packer *p, const json_t *line, int32_t **ids, size_t *n, vq_err *e)
{
    const json_t *messages = json_object_get(line, "messages"),
                 *plain = json_object_get(line, "text");
    char *text;
    size_t len;
    if (messages) {
        const bool plain_chat = p->plan->recipe->calib.plain_chat;
        VQ_TRY(render(p, messages, json_object_get(line, "tools"), &text, &len, e));
        return vq_tokenizer_encode(p->tokenizer, text, len, plain_chat, &p->work, ids, n, e);
    }
    if (!plain) return vq_fail(e, VQ_E_INPUT, "the line has neither \"text\" nor \"messages\"");
    if (!json_is_string(plain)) return vq_fail(e, VQ_E_INPUT, "\"text\" is no text");
    *n = 0;
    if (json_string_length(plain) == 0) return VQ_OK;
    return vq_tokenizer_encode(p->tokenizer, json_string_value(plain), json_string_length(plain),
                               true, &p->work, ids, n, e);
}

static vq_status read_line(packer *p, size_t i, int32_t **ids, size_t *n, vq_err *e)
{
    json_t *line;
    *n = 0;
    VQ_TRY(vq_json_line(&p->lines, i, &line, e));
    vq_status s = line_ids(p, line, ids, n, e);
    json_decref(line);
    if (s == VQ_OK) s = vq_model_check_ids(p->plan->model, *ids, *n, e);
    return s == VQ_OK ? VQ_OK : vq_at(e, "%s:%zu", p->lines.name, p->lines.lines[i].number);
}

/* Fills one sample from line *at on; *full false: the lines end before it does. */
static vq_status fill(packer *p, int32_t *window, size_t *at, bool *full, vq_err *e)
{
    const size_t length = (size_t)p->samples->length;
    size_t have = 0;
    while (have < length && *at < p->lines.count) {
        const vq_arena_mark mark = vq_arena_here(&p->work);
        int32_t *ids = NULL;
        size_t n;
        VQ_TRY(read_line(p, p->order[(*at)++], &ids, &n, e));
        const size_t take = n < length - have ? n : length - have;
        if (take) memcpy(window + have, ids, take * sizeof *ids);
        have += take;
        p->out->tokens += (int64_t)n;
        vq_arena_rewind(&p->work, mark);
    }
    *full = have == length;
    return VQ_OK;
}

static vq_status pack(packer *p, vq_err *e)
{
    vq_samples *s = p->samples;
    const int64_t wanted = s->count;
    size_t at = 0;
    bool full = true;
    for (s->count = 0; full && s->count < wanted; s->count += full)
        VQ_TRY(fill(p, p->ids + s->count * s->length, &at, &full, e));
    p->out->used = at;
    s->ids = p->ids;
    return VQ_OK;
}

/* The order of the file, or shuffled: Fisher and Yates with numbers of (seed, place). */
static vq_status order_lines(packer *p, vq_err *e)
{
    const vq_calib_recipe *r = &p->plan->recipe->calib;
    p->order = VQ_ALLOC(&p->names, size_t, p->lines.count, "order of the lines", e);
    if (!p->order) return e->status;
    for (size_t i = 0; i < p->lines.count; i++) p->order[i] = i;
    for (size_t i = p->lines.count; r->select != VQ_SELECT_FIRST && i > 1; i--) {
        const size_t j = (size_t)(vq_rng_at(r->seed, i) % i), last = p->order[i - 1];
        p->order[i - 1] = p->order[j];
        p->order[j] = last;
    }
    return VQ_OK;
}

static vq_status prepare(packer *p, const vq_map *map, const char *path, const vq_reporter *w,
                         vq_arena *a, vq_err *e)
{
    const vq_model *m = p->plan->model;
    VQ_TRY(vq_json_lines_find(&p->lines, path, (const char *)map->data, map->size, &p->names, e));
    p->out->lines = p->lines.count;
    if (p->lines.count == 0)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: no line holds anything; one JSON object a line is needed", path);
    VQ_TRY(order_lines(p, e));
    VQ_TRY(vq_model_tokenizer(m, &p->tokenizer, &p->names, e));
    vq_tokenizer_heed(p->tokenizer, w);
    if (!p->plan->recipe->calib.plain_chat)
        VQ_TRY(vq_chat_template_open(&p->chat, m->checkpoint.dir, &p->names, e));
    if (p->chat) vq_chat_template_heed(p->chat, w);
    p->ids = VQ_ALLOC(a, int32_t, p->samples->count * p->samples->length, "samples", e);
    return p->ids ? VQ_OK : e->status;
}

vq_status vq_conversations_pack(vq_samples *samples, const vq_plan *plan, const char *path,
                                const vq_reporter *w, vq_conversations *out,
                                char sha256[VQ_SHA256_TEXT], vq_arena *a, vq_err *e)
{
    packer p = {.plan = plan, .samples = samples, .out = out};
    vq_map map;
    *out = (vq_conversations){0};
    VQ_TRY(vq_map_open(&map, path, e));
    vq_sha256_of(map.data, map.size, sha256);
    vq_arena_init(&p.names, a->budget);
    vq_arena_init(&p.work, a->budget);
    vq_status s = prepare(&p, &map, path, w, a, e);
    if (s == VQ_OK) s = pack(&p, e);
    vq_tokenizer_free(p.tokenizer);
    vq_arena_done(&p.work);
    vq_arena_done(&p.names);
    vq_map_close(&map);
    return s;
}
