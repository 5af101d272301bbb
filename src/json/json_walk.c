/* json_walk.c -- JSON by jansson, member by member (see json_walk.h). */
#include "json/json_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { VALUE_MAX = 65536 };

static vq_status refuse(const json_error_t *cause, size_t start, vq_err *e)
{
    /* Where jansson runs out of memory it mostly says nothing at all. */
    if (cause->text[0] == '\0' || json_error_code(cause) == json_error_out_of_memory)
        return vq_fail(e, VQ_E_LIMIT, "no memory left to parse JSON");
    return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %zu: %s", start + (size_t)cause->position,
                   cause->text);
}

static char peek(vq_json_walk *w)
{
    while (w->at < w->len && (w->text[w->at] == ' ' || w->text[w->at] == '\n' ||
                              w->text[w->at] == '\r' || w->text[w->at] == '\t'))
        w->at++;
    return w->at < w->len ? w->text[w->at] : '\0';
}

static vq_status expect(vq_json_walk *w, char c, vq_err *e)
{
    if (peek(w) != c)
        return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %zu: expected '%c'", w->at, c);
    w->at++;
    return VQ_OK;
}

vq_status vq_json_value(vq_json_walk *w, json_t **v, vq_err *e)
{
    const size_t left = w->len - w->at;
    json_error_t cause;
    *v = json_loadb(w->text + w->at, left < VALUE_MAX ? left : VALUE_MAX,
                    JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &cause);
    if (!*v) return refuse(&cause, w->at, e);
    w->at += (size_t)cause.position; /* jansson leaves the bytes consumed here on success */
    return VQ_OK;
}

static vq_status one_member(vq_json_walk *w, vq_json_member member, void *ctx, vq_err *e)
{
    if (peek(w) != '"')
        return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %zu: expected a key in quotes", w->at);
    json_t *key;
    VQ_TRY(vq_json_value(w, &key, e));
    vq_status s = expect(w, ':', e);
    if (s == VQ_OK) {
        peek(w); /* white space before the value */
        s = member(ctx, w, json_string_value(key), json_string_length(key), e);
    }
    json_decref(key);
    return s;
}

vq_status vq_json_object(vq_json_walk *w, vq_json_member member, void *ctx, vq_err *e)
{
    VQ_TRY(expect(w, '{', e));
    if (peek(w) == '}') return expect(w, '}', e);
    for (;;) {
        VQ_TRY(one_member(w, member, ctx, e));
        if (peek(w) != ',') return expect(w, '}', e);
        w->at++;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Python writes whole numbers of any size, such as 10^30 for "no limit": as reals they fit. A copy of
 * the text in which integers of 19 digits or more have an exponent, to be freed; NULL: no memory. */
static char *with_reals(const char *text, size_t n, size_t *len)
{
    char *copy = malloc(n + n / 8 + 8), *to = copy;
    bool quoted = false;
    for (size_t i = 0, digits = 0; copy && i < n; i++) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\' && i + 1 < n) *to++ = text[i++];
        digits = !quoted && is_digit(text[i]) ? digits + 1 : 0;
        *to++ = text[i];
        const char next = i + 1 < n ? text[i + 1] : ' ';
        if (digits < 19 || is_digit(next) || strchr(".eE", next)) continue;
        *to++ = 'e';
        *to++ = '0';
    }
    *len = copy ? (size_t)(to - copy) : 0;
    return copy;
}

static json_t *parse(const char *text, size_t n, json_error_t *cause)
{
    json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES, cause);
    if (v || json_error_code(cause) != json_error_numeric_overflow) return v;
    size_t len;
    char *copy = with_reals(text, n, &len);
    if (copy) v = json_loadb(copy, len, JSON_REJECT_DUPLICATES, cause);
    free(copy);
    return v;
}

vq_status vq_json_file(const char *path, size_t max, json_t **v, vq_err *e)
{
    vq_map m;
    *v = NULL;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_status s = VQ_OK;
    json_error_t cause;
    if (m.size > max)
        s = vq_fail(e, VQ_E_INPUT, "%s: %zu bytes are too many (at most %zu)", vq_base_name(path),
                    m.size, max);
    else if (!(*v = parse((const char *)m.data, m.size, &cause))) {
        s = refuse(&cause, 0, e);
        (void)vq_at(e, "%s", vq_base_name(path));
    } else if (!json_is_object(*v))
        s = vq_fail(e, VQ_E_INPUT, "%s: not a JSON object", vq_base_name(path));
    vq_map_close(&m);
    if (s != VQ_OK) {
        json_decref(*v);
        *v = NULL;
    }
    return s;
}
