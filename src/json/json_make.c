/* json_make.c -- values of the JSON library whose absence is noted. */
#include "json/json_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/shell_word.h"

void vq_json_watch(void)
{
    json_set_alloc_funcs(vq_memory_alloc, free);
}

static json_t *noted(vq_json_maker *m, json_t *value)
{
    if (!value) m->lost = true;
    return value;
}

json_t *vq_make_object(vq_json_maker *m)
{
    return noted(m, json_object());
}

json_t *vq_make_array(vq_json_maker *m)
{
    return noted(m, json_array());
}

/* A name of a file may be any bytes; as JSON it stands as a shell reads it, and so does one that looks
 * like that. NULL: it stands as it is, or *m has no memory for it. */
static char *quoted(vq_json_maker *m, const char *text)
{
    if (vq_is_utf8(text) && !vq_is_shell_word(text)) return NULL;
    const size_t room = vq_shell_word(NULL, 0, text) + 1;
    char *copy = malloc(room);
    if (copy)
        (void)vq_shell_word(copy, room, text);
    else
        m->lost = true;
    return copy;
}

json_t *vq_make_text(vq_json_maker *m, const char *text)
{
    if (!text) return json_null();
    char *copy = quoted(m, text);
    json_t *value = noted(m, json_string(copy ? copy : text));
    free(copy);
    return value;
}

json_t *vq_make_real(vq_json_maker *m, double value)
{
    return noted(m, isfinite(value) ? json_real(value) : json_null());
}

void vq_put(vq_json_maker *m, json_t *object, const char *key, json_t *value)
{
    char *copy = quoted(m, key);
    if (json_object_set_new(object, copy ? copy : key, value) != 0) m->lost = true;
    free(copy);
}

void vq_put_text(vq_json_maker *m, json_t *object, const char *key, const char *text)
{
    vq_put(m, object, key, vq_make_text(m, text));
}

void vq_put_int(vq_json_maker *m, json_t *object, const char *key, int64_t value)
{
    vq_put(m, object, key, json_integer((json_int_t)value));
}

void vq_put_real(vq_json_maker *m, json_t *object, const char *key, double value)
{
    vq_put(m, object, key, vq_make_real(m, value));
}

void vq_put_flag(vq_json_maker *m, json_t *object, const char *key, bool value)
{
    vq_put(m, object, key, json_boolean(value));
}

json_t *vq_put_object(vq_json_maker *m, json_t *object, const char *key)
{
    vq_put(m, object, key, json_object());
    return json_object_get(object, key);
}

json_t *vq_put_array(vq_json_maker *m, json_t *object, const char *key)
{
    vq_put(m, object, key, json_array());
    return json_object_get(object, key);
}

void vq_add(vq_json_maker *m, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) m->lost = true;
}

void vq_add_int(vq_json_maker *m, json_t *array, int64_t value)
{
    vq_add(m, array, json_integer((json_int_t)value));
}

json_t *vq_add_object(vq_json_maker *m, json_t *array)
{
    const size_t at = json_array_size(array);
    vq_add(m, array, json_object());
    return json_array_get(array, at);
}

static vq_status no_memory(const char *what, vq_err *e)
{
    (void)vq_fail(e, VQ_E_LIMIT, "%s: no memory for the text", what);
    return VQ_E_LIMIT;
}

vq_status vq_make_done(const vq_json_maker *m, json_t *value, const char *what, json_t **out,
                       vq_err *e)
{
    *out = NULL;
    if (m->lost || !value) {
        json_decref(value);
        return no_memory(what, e);
    }
    *out = value;
    return VQ_OK;
}

/* Not json_dumps: jansson 2.14 does not look whether its buffer took the key of an object, so that
 * without memory it gives a text that lacks one. Here the buffer has its final size from the
 * start. */
vq_status vq_json_dump(const json_t *value, size_t flags, const char *what, char **text, vq_err *e)
{
    const size_t n = json_dumpb(value, NULL, 0, flags);
    *text = n ? malloc(n + 1) : NULL;
    if (!*text) return no_memory(what, e);
    if (json_dumpb(value, *text, n, flags) != n) {
        free(*text);
        *text = NULL;
        return no_memory(what, e);
    }
    (*text)[n] = '\0';
    return VQ_OK;
}

vq_status vq_json_save(const json_t *value, size_t flags, const char *path, vq_err *e)
{
    char *text;
    VQ_TRY(vq_json_dump(value, flags, path, &text, e));
    const vq_status s = vq_write_file(path, text, strlen(text), e);
    free(text);
    return s;
}
