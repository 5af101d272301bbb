/* json_lines.c -- a file of JSON objects, one a line. */
#include "text/json_lines.h"

#include <string.h>

#include "text/utf8.h"
#include "json/json_load.h"

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r') return false;
    return true;
}

/* Takes the line at *at, without its end, and moves behind it. */
static vq_json_span take_line(const char *text, size_t len, size_t *at)
{
    const char *end = memchr(text + *at, '\n', len - *at);
    const vq_json_span line = {.start = *at, .len = end ? (size_t)(end - text) - *at : len - *at};
    *at += line.len + (end ? 1 : 0);
    return line;
}

static size_t list_lines(vq_json_lines *l, const char *text, size_t len, size_t start)
{
    size_t count = 0, number = 0;
    for (size_t at = start; at < len;) {
        vq_json_span line = take_line(text, len, &at);
        line.number = ++number;
        if (blank(text + line.start, line.len)) continue;
        if (l->lines) l->lines[count] = line;
        count++;
    }
    return count;
}

static size_t after_mark(const char *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

vq_status vq_json_lines_find(vq_json_lines *l, const char *name, const char *text, size_t len,
                             vq_arena *a, vq_err *e)
{
    const size_t start = after_mark(text, len);
    *l = (vq_json_lines){.name = name, .text = text};
    l->count = list_lines(l, text, len, start);
    l->lines = VQ_ALLOC(a, vq_json_span, l->count, "places of the lines", e);
    if (!l->lines) return e->status;
    (void)list_lines(l, text, len, start);
    return VQ_OK;
}

static vq_status parse_line(const char *s, size_t n, json_t **v, vq_err *e)
{
    json_error_t cause;
    if (n > VQ_JSON_LINE_MAX)
        return vq_fail(e, VQ_E_INPUT, "the line is %zu bytes long (at most %zu)", n,
                       VQ_JSON_LINE_MAX);
    VQ_TRY(vq_utf8_check(s, n, "the line", e));
    const vq_status parsed =
        vq_json_load(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, v, &cause, e);
    if (parsed == VQ_E_LIMIT) return parsed;
    if (parsed != VQ_OK)
        return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %d: %s", cause.position,
                       vq_json_cause(&cause));
    if (json_is_object(*v)) return VQ_OK;
    json_decref(*v);
    *v = NULL;
    return vq_fail(e, VQ_E_INPUT, "the line is no JSON object");
}

vq_status vq_json_line(const vq_json_lines *l, size_t i, json_t **v, vq_err *e)
{
    const vq_json_span *line = &l->lines[i];
    *v = NULL;
    if (parse_line(l->text + line->start, line->len, v, e) == VQ_OK) return VQ_OK;
    return vq_at(e, "%s:%zu", l->name, line->number);
}

bool vq_json_lines_likely(const char *text, size_t len)
{
    size_t at = after_mark(text, len);
    vq_json_span line = {0};
    while (at < len && blank(text + line.start, line.len)) line = take_line(text, len, &at);
    json_t *v = NULL;
    vq_err not_asked;
    if (parse_line(text + line.start, line.len, &v, &not_asked) != VQ_OK) return false;
    const bool likely = json_object_get(v, "text") || json_object_get(v, "messages");
    json_decref(v);
    return likely;
}
