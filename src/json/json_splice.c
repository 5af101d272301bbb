/* json_splice.c -- members of an object replaced in its text. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_lenient.h"
#include "json/json_make.h"

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at `at`. */
static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : at;
}

/* Behind the value that begins at `at`, at white space, a comma or a closing brace. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    while (*at) {
        if (depth == 0 && strchr(",}] \t\r\n", *at)) break;
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    }
    return at;
}

/* Is the string at `at`, escapes and all, this key? */
static bool is_key(const char *at, const char *key)
{
    const size_t n = strlen(key);
    if (strncmp(at + 1, key, n) == 0 && at[n + 1] == '"') return true;
    json_t *v = json_loadb(at, (size_t)(skip_string(at) - at), JSON_DECODE_ANY, NULL);
    const bool same = v && strcmp(json_string_value(v), key) == 0;
    json_decref(v);
    return same;
}

/* Where the value of the last member of this name lies, and where a new member could go. */
typedef struct place {
    const char *from, *end; /* NULL: there is none */
    const char *last;       /* behind the last member, or behind the opening brace */
    bool any;
} place;

static place find(const char *text, const char *key)
{
    const char *at = skip_space(text) + 1;
    place p = {.last = at};
    for (at = skip_space(at); *at == '"'; at = skip_space(at)) {
        const bool found = is_key(at, key);
        at = skip_space(skip_string(at));
        const char *value = skip_space(at + (*at == ':'));
        at = skip_value(value);
        p.last = at;
        p.any = true;
        if (found) p.from = value;
        if (found) p.end = at;
        at = skip_space(at);
        at += *at == ',';
    }
    return p;
}

/* The value as it looks two columns further in; NULL: no memory. */
static char *indented(const char *value)
{
    size_t n = 0;
    for (const char *c = value; *c; c++) n += *c == '\n' ? 3 : 1;
    char *out = malloc(n + 1), *to = out;
    for (const char *c = value; out && *c; c++) {
        *to++ = *c;
        if (*c != '\n') continue;
        *to++ = ' ';
        *to++ = ' ';
    }
    if (out) *to = '\0';
    return out;
}

static char *joined(const char *text, const place *p, const char *key, const char *value)
{
    const char *from = p->from ? p->from : p->last, *end = p->from ? p->end : p->last;
    const size_t before = (size_t)(from - text), room = strlen(text) + strlen(key) + strlen(value);
    char *out = malloc(room + 16), *to = out;
    if (!out) return NULL;
    memcpy(to, text, before);
    to += before;
    if (!p->from) {
        to = stpcpy(to, p->any ? ",\n  \"" : "\n  \"");
        to = stpcpy(stpcpy(to, key), "\": ");
    }
    to = stpcpy(to, value);
    if (!p->any) to = stpcpy(to, "\n");
    (void)stpcpy(to, end);
    return out;
}

static vq_status no_memory(const char *key, vq_err *e)
{
    return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the text", key);
}

/* The text with this value at p takes the place of the text; value is freed, NULL: no memory. */
static vq_status splice(char **text, size_t *len, const place *p, const char *key, char *value,
                        vq_err *e)
{
    char *out = value ? joined(*text, p, key, value) : NULL;
    free(value);
    if (!out) return no_memory(key, e);
    free(*text);
    *text = out;
    *len = strlen(out);
    return VQ_OK;
}

vq_status vq_json_splice_in(char **text, size_t *len, const char *outer, const char *key,
                            const json_t *value, vq_err *e)
{
    const place p = find(*text, outer);
    size_t n;
    if (!p.from) return vq_fail(e, VQ_E_BUG, "%s: not in the text that it is changed in", outer);
    char *inner = strndup(p.from, (size_t)(p.end - p.from));
    if (!inner) return no_memory(outer, e);
    const vq_status s = vq_json_splice(&inner, &n, key, value, e);
    if (s == VQ_OK) return splice(text, len, &p, outer, inner, e);
    free(inner);
    return s;
}

vq_status vq_json_splice(char **text, size_t *len, const char *key, const json_t *value, vq_err *e)
{
    char *plain;
    VQ_TRY(vq_json_dump(value, JSON_INDENT(2) | JSON_ENCODE_ANY, key, &plain, e));
    const place p = find(*text, key);
    char *in = indented(plain);
    free(plain);
    return splice(text, len, &p, key, in, e);
}
