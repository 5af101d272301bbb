/* json_lenient.c -- text that Python takes made into text that jansson takes, and members replaced
 * in a text. */
#include "json/json_lenient.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_load.h"

enum { DIGITS_MAX = 18 /* of a whole number that fits into 64 bits whatever they are */ };
#define NUL_TEXT "\xf4\x8f\xbf\xbf"
#define LONE_TEXT "\xef\xbf\xbd"

/* The text, the place to read, and where the rewritten text goes. */
typedef struct rewriting {
    const char *at, *end;
    char *to;
    bool exact;         /* texts stay as they are */
    bool changed, lost; /* lost: no memory for a number */
} rewriting;

static bool begins(const rewriting *r, const char *word)
{
    const size_t n = strlen(word);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, word, n) == 0;
}

static void put(rewriting *r, const char *text, size_t n)
{
    memcpy(r->to, text, n);
    r->to += n;
}

/* The four hexadecimal digits of an escape \uXXXX at `at`; -1: it is none. */
static long code_unit(const char *at, const char *end)
{
    long unit = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
    for (int i = 2; i < 6; i++) {
        if (!isxdigit((unsigned char)at[i])) return -1;
        unit = unit * 16 + (isdigit((unsigned char)at[i]) ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
    }
    return unit;
}

static bool high(long unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool low(long unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

static void escape(rewriting *r)
{
    const long unit = code_unit(r->at, r->end),
               next = high(unit) ? code_unit(r->at + 6, r->end) : -1;
    const char *instead = r->exact                                  ? NULL
                          : unit == 0                               ? NUL_TEXT
                          : low(unit) || (high(unit) && !low(next)) ? LONE_TEXT
                                                                    : NULL;
    const size_t n = unit < 0 ? 2 : low(next) ? 12 : 6;
    const size_t taken = (size_t)(r->end - r->at) < n ? (size_t)(r->end - r->at) : n;
    if (instead)
        put(r, instead, strlen(instead));
    else
        put(r, r->at, taken);
    r->changed |= instead != NULL;
    r->at += taken;
}

static void string(rewriting *r)
{
    do {
        if (*r->at == '\\')
            escape(r);
        else
            *r->to++ = *r->at++;
    } while (r->at < r->end && *r->at != '"');
    if (r->at < r->end) *r->to++ = *r->at++;
}

static void word(rewriting *r, const char *name)
{
    *r->to++ = '"';
    put(r, name, strlen(name));
    *r->to++ = '"';
    r->at += strlen(name);
    r->changed = true;
}

static void number(rewriting *r)
{
    const char *from = r->at;
    size_t n = 0, digits = 0;
    bool real = false;
    while (from + n < r->end && strchr("+-.eE0123456789", from[n]) && from[n]) {
        real |= strchr(".eE", from[n]) != NULL;
        digits += isdigit((unsigned char)from[n]) != 0;
        n++;
    }
    r->at += n;
    char *copy = n > DIGITS_MAX || real ? strndup(from, n) : NULL;
    const double value = copy ? strtod(copy, NULL) : 0;
    free(copy);
    r->lost |= !copy && (n > DIGITS_MAX || real);
    if (isinf(value)) {
        const char *name = value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
        put(r, name, strlen(name));
    } else {
        put(r, from, n);
        if (!real && digits > DIGITS_MAX) put(r, "e0", 2);
    }
    r->changed |= isinf(value) || (!real && digits > DIGITS_MAX);
}

/* The word that is a value here: none is a key. */
static const char *value_word(const rewriting *r)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (int i = 0; i < 3; i++) {
        if (!begins(r, words[i])) continue;
        const char *next = r->at + strlen(words[i]);
        while (next < r->end && strchr(" \t\r\n", *next) && *next) next++;
        return next < r->end && *next == ':' ? NULL : words[i];
    }
    return NULL;
}

static void rewrite(rewriting *r)
{
    while (r->at < r->end) {
        const char *name = value_word(r);
        if (name)
            word(r, name);
        else if (*r->at == '"')
            string(r);
        else if (*r->at == '-' || isdigit((unsigned char)*r->at))
            number(r);
        else
            *r->to++ = *r->at++;
    }
}

static vq_status refuse(const json_error_t *cause, bool changed, vq_err *e)
{
    if (changed)
        return vq_fail(e, VQ_E_INPUT, "broken JSON in line %d: %s", cause->line,
                       vq_json_cause(cause));
    return vq_fail(e, VQ_E_INPUT, "broken JSON at byte %d: %s", cause->position,
                   vq_json_cause(cause));
}

/* Seldom needed, and the text may be large: only what was refused is rewritten. At most the words
 * grow, by two bytes of at least three. */
static vq_status parse_rewritten(const char *text, size_t n, bool exact, json_error_t *cause,
                                 json_t **v, vq_err *e)
{
    char *copy = malloc(2 * n + 16);
    if (!copy) return vq_fail(e, VQ_E_LIMIT, "no memory left to parse JSON");
    rewriting r = {.at = text, .end = text + n, .to = copy, .exact = exact};
    vq_status s = VQ_E_INPUT;
    rewrite(&r);
    if (r.lost)
        s = vq_fail(e, VQ_E_LIMIT, "no memory left to parse JSON");
    else if (r.changed)
        s = vq_json_load(copy, (size_t)(r.to - copy), JSON_DECODE_ANY, v, cause, e);
    free(copy);
    return s == VQ_E_INPUT ? refuse(cause, r.changed, e) : s;
}

static size_t mark_of(const char *text, size_t n)
{
    return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static vq_status parse(const char *text, size_t n, bool exact, json_t **v, vq_err *e)
{
    json_error_t cause;
    const size_t mark = mark_of(text, n);
    const vq_status s = vq_json_load(text + mark, n - mark, JSON_DECODE_ANY, v, &cause, e);
    return s == VQ_E_INPUT ? parse_rewritten(text + mark, n - mark, exact, &cause, v, e) : s;
}

vq_status vq_json_parse(const char *text, size_t n, json_t **v, vq_err *e)
{
    return parse(text, n, false, v, e);
}

vq_status vq_json_parse_exact(const char *text, size_t n, json_t **v, vq_err *e)
{
    return parse(text, n, true, v, e);
}
