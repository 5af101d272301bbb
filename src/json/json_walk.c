/* json_walk.c -- JSON by jansson, member by member (see json_walk.h). */
#include "json/json_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "json/json_lenient.h"
#include "json/json_load.h"

enum { VALUE_MAX = 16 << 20 /* of a value that becomes a tree */ };

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
    const vq_status s = vq_json_load(
        w->text + w->at, left < VALUE_MAX ? left : VALUE_MAX,
        JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, v, &cause, e);
    if (s == VQ_E_INPUT && left > VALUE_MAX &&
        json_error_code(&cause) == json_error_premature_end_of_input)
        return vq_fail(e, VQ_E_INPUT, "the value at byte %zu is longer than %d bytes", w->at,
                       VALUE_MAX);
    if (s == VQ_E_INPUT)
        return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %zu: %s", w->at + (size_t)cause.position,
                       vq_json_cause(&cause));
    VQ_TRY(s);
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

vq_status vq_json_file(const char *path, size_t max, json_t **v, vq_err *e)
{
    vq_map m;
    *v = NULL;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_status s = VQ_OK;
    if (m.size > max)
        s = vq_fail(e, VQ_E_INPUT, "%s: %zu bytes are too many (at most %zu)", vq_base_name(path),
                    m.size, max);
    else if ((s = vq_json_parse((const char *)m.data, m.size, v, e)) != VQ_OK)
        (void)vq_at(e, "%s", vq_base_name(path));
    else if (!json_is_object(*v))
        s = vq_fail(e, VQ_E_INPUT, "%s: not a JSON object", vq_base_name(path));
    vq_map_close(&m);
    if (s != VQ_OK) {
        json_decref(*v);
        *v = NULL;
    }
    return s;
}
