/* jinja_value.c -- values of a chat template: making, comparing and walking them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "jinja/jinja.h"

vq_status vq_jfail(vq_jrun *x, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return vq_fail(x->e, VQ_E_INPUT, "line %d: %s", x->line, text);
}

vq_status vq_jspend(vq_jrun *x, size_t work)
{
    if (x->stop && *x->stop) return vq_fail(x->e, VQ_E_STOPPED, "stopped in a chat template");
    if (work >= (size_t)x->work) {
        x->work = 0;
        return vq_jfail(x, "the template takes too many steps or too much memory");
    }
    x->work -= (int64_t)work;
    return VQ_OK;
}

void vq_jspend_late(vq_jrun *x, size_t work)
{
    x->work = work < (size_t)x->work ? x->work - (int64_t)work : 0;
}

void *vq_jalloc(vq_jrun *x, size_t count, size_t size)
{
    if (count > VQ_J_WORK || vq_jspend(x, count * size + 64) != VQ_OK) {
        if (count > VQ_J_WORK) (void)vq_jspend(x, SIZE_MAX);
        return NULL;
    }
    return vq_arena_alloc(x->a, count, size, "chat template", x->e);
}

vq_status vq_jput(vq_jrun *x, vq_jbuffer *b, const char *s, size_t n)
{
    VQ_TRY(vq_jspend(x, n + VQ_J_LOOK));
    if (b->n + n > b->room) {
        const size_t room = 2 * (b->n + n) + 64;
        char *more = vq_jalloc(x, room, 1);
        if (!more) return x->e->status;
        if (b->n) memcpy(more, b->s, b->n);
        b->s = more;
        b->room = room;
    }
    if (n) memcpy(b->s + b->n, s, n);
    b->n += n;
    return VQ_OK;
}

vq_jvalue vq_jtext(const char *s, size_t n)
{
    return (vq_jvalue){.kind = VQ_J_STRING, .text = {.s = s ? s : "", .n = n}};
}

vq_jvalue vq_jbool(bool b)
{
    return (vq_jvalue){.kind = VQ_J_BOOL, .i = b};
}

vq_jvalue vq_jint(int64_t i)
{
    return (vq_jvalue){.kind = VQ_J_INT, .i = i};
}

const char *vq_jname(const vq_jvalue *v)
{
    static const char *const names[] = {"something undefined",
                                        "none",
                                        "a bool",
                                        "a number",
                                        "a number",
                                        "a string",
                                        "a list",
                                        "a map",
                                        "a namespace",
                                        "loop",
                                        "a macro"};
    return names[v->kind];
}

bool vq_jtruth(const vq_jvalue *v)
{
    switch (v->kind) {
    case VQ_J_UNDEFINED:
    case VQ_J_NONE:
        return false;
    case VQ_J_BOOL:
    case VQ_J_INT:
        return v->i != 0;
    case VQ_J_REAL:
        return v->r != 0;
    case VQ_J_STRING:
        return v->text.n > 0;
    case VQ_J_LIST:
    case VQ_J_MAP:
        return v->lazy || v->list.n > 0;
    default:
        return true;
    }
}

vq_status vq_jlist(vq_jrun *x, const vq_jvalue *at, size_t n, vq_jkind kind, vq_jvalue *out)
{
    int depth = 0;
    VQ_TRY(vq_jspend(x, n));
    for (size_t i = 0; i < (kind == VQ_J_MAP ? 2 * n : n); i++)
        if (at[i].depth > depth) depth = at[i].depth;
    *out = (vq_jvalue){.kind = kind, .depth = depth + 1, .list = {.at = at, .n = n}};
    return depth < VQ_J_NESTING
               ? VQ_OK
               : vq_jfail(x, "lists and maps are nested more than %d deep", VQ_J_NESTING);
}

vq_status vq_jlazy(vq_jrun *x, const vq_jvalue *at, size_t n, vq_jvalue *out)
{
    VQ_TRY(vq_jlist(x, at, n, VQ_J_LIST, out));
    out->lazy = true;
    return VQ_OK;
}

vq_jvalue vq_jbytes(const vq_jvalue *text, size_t from, size_t to)
{
    return vq_jtext(text->text.s + from, to - from);
}

vq_status vq_jneed_text(vq_jrun *x, const vq_jvalue *v)
{
    return !v || v->kind == VQ_J_STRING ? VQ_OK
                                        : vq_jfail(x, "%s where a string is needed", vq_jname(v));
}

vq_status vq_jneed_int(vq_jrun *x, const vq_jvalue *v, int64_t other, int64_t *i)
{
    *i = v ? v->i : other;
    return !v || v->kind == VQ_J_INT || v->kind == VQ_J_BOOL
               ? VQ_OK
               : vq_jfail(x, "%s where a whole number is needed", vq_jname(v));
}

static vq_status list_chars(vq_jrun *x, const vq_jvalue *v, const vq_jvalue **at, size_t *n)
{
    int32_t c;
    vq_jvalue *list = vq_jalloc(x, v->text.n, sizeof *list);
    if (!list) return x->e->status;
    *n = 0;
    for (size_t i = 0, len; i < v->text.n; i += len) {
        len = vq_jchar(v->text.s + i, v->text.n - i, &c);
        list[(*n)++] = vq_jtext(v->text.s + i, len);
    }
    *at = list;
    return VQ_OK;
}

vq_status vq_jiterate(vq_jrun *x, const vq_jvalue *v, const vq_jvalue **at, size_t *n)
{
    *at = NULL;
    *n = 0;
    if (v->kind == VQ_J_UNDEFINED) return VQ_OK;
    if (v->kind == VQ_J_STRING) return list_chars(x, v, at, n);
    if (v->kind != VQ_J_LIST && v->kind != VQ_J_MAP)
        return vq_jfail(x, "%s cannot be walked", vq_jname(v));
    *at = v->list.at;
    *n = v->list.n;
    if (v->kind == VQ_J_LIST) return VQ_OK;
    vq_jvalue *keys = vq_jalloc(x, *n, sizeof *keys);
    if (!keys) return x->e->status;
    for (size_t i = 0; i < *n; i++) keys[i] = v->list.at[2 * i];
    *at = keys;
    return VQ_OK;
}

vq_status vq_jlength(vq_jrun *x, const vq_jvalue *v, int64_t *n)
{
    *n = 0;
    if (v->kind == VQ_J_UNDEFINED) return VQ_OK;
    if (v->lazy) return vq_jfail(x, "the length of a generator: make it a list with | list");
    if (v->kind == VQ_J_LIST || v->kind == VQ_J_MAP) {
        *n = (int64_t)v->list.n;
        return VQ_OK;
    }
    if (v->kind != VQ_J_STRING) return vq_jfail(x, "%s has no length", vq_jname(v));
    for (size_t i = 0; i < v->text.n; i++) *n += ((unsigned char)v->text.s[i] & 0xc0) != 0x80;
    return vq_jspend(x, v->text.n);
}

static bool is_number(const vq_jvalue *v)
{
    return v->kind == VQ_J_BOOL || v->kind == VQ_J_INT || v->kind == VQ_J_REAL;
}

static double real_of(const vq_jvalue *v)
{
    return v->kind == VQ_J_REAL ? v->r : (double)v->i;
}

static int order_texts(const vq_jvalue *a, const vq_jvalue *b)
{
    const size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    const int order = n ? memcmp(a->text.s, b->text.s, n) : 0;
    return order ? (order > 0) - (order < 0) : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

static vq_status equal_lists(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, bool *equal)
{
    *equal = a->list.n == b->list.n && a->tuple == b->tuple;
    for (size_t i = 0; *equal && i < a->list.n; i++)
        VQ_TRY(vq_jequal(x, &a->list.at[i], &b->list.at[i], equal));
    return VQ_OK;
}

static vq_status equal_maps(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, bool *equal)
{
    *equal = a->list.n == b->list.n;
    for (size_t i = 0; *equal && i < a->list.n; i++) {
        const vq_jvalue *key = &a->list.at[2 * i],
                        *other = vq_jmember(x, b, key->text.s, key->text.n);
        *equal = other != NULL;
        VQ_TRY(vq_jspend(x, 0));
        if (other) VQ_TRY(vq_jequal(x, key + 1, other, equal));
    }
    return VQ_OK;
}

vq_status vq_jequal(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, bool *equal)
{
    VQ_TRY(vq_jspend(x, VQ_J_STEP));
    if (is_number(a) && is_number(b)) {
        *equal =
            a->kind == VQ_J_REAL || b->kind == VQ_J_REAL ? real_of(a) == real_of(b) : a->i == b->i;
        return VQ_OK;
    }
    *equal = a->kind == b->kind;
    if (!*equal) return VQ_OK;
    if (a->kind == VQ_J_LIST) return equal_lists(x, a, b, equal);
    if (a->kind == VQ_J_MAP) return equal_maps(x, a, b, equal);
    if (a->kind == VQ_J_STRING) {
        *equal = order_texts(a, b) == 0;
        return vq_jspend(x, a->text.n);
    }
    if (a->kind == VQ_J_SPACE) *equal = a->space == b->space;
    if (a->kind == VQ_J_LOOP) *equal = a->loop == b->loop;
    if (a->kind == VQ_J_MACRO) *equal = a->macro == b->macro;
    return VQ_OK;
}

/* The first items that differ decide, else the length. */
static vq_status order_lists(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, int *order)
{
    for (size_t i = 0; i < a->list.n && i < b->list.n; i++) {
        bool equal;
        VQ_TRY(vq_jequal(x, &a->list.at[i], &b->list.at[i], &equal));
        if (!equal) return vq_jless(x, &a->list.at[i], &b->list.at[i], order);
    }
    *order = (a->list.n > b->list.n) - (a->list.n < b->list.n);
    return VQ_OK;
}

vq_status vq_jless(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, int *order)
{
    VQ_TRY(vq_jspend(x, VQ_J_STEP));
    if (a->kind == VQ_J_LIST && b->kind == VQ_J_LIST && a->tuple == b->tuple && !a->lazy &&
        !b->lazy)
        return order_lists(x, a, b, order);
    if (is_number(a) && is_number(b)) {
        if (a->kind == VQ_J_REAL || b->kind == VQ_J_REAL)
            *order = (real_of(a) > real_of(b)) - (real_of(a) < real_of(b));
        else
            *order = (a->i > b->i) - (a->i < b->i);
        return VQ_OK;
    }
    if (a->kind != VQ_J_STRING || b->kind != VQ_J_STRING)
        return vq_jfail(x, "%s and %s have no order", vq_jname(a), vq_jname(b));
    *order = order_texts(a, b);
    return vq_jspend(x, a->text.n);
}

vq_status vq_jcontains(vq_jrun *x, const vq_jvalue *in, const vq_jvalue *what, bool *yes)
{
    *yes = false;
    if (in->kind == VQ_J_UNDEFINED) return VQ_OK;
    if (in->kind == VQ_J_STRING && what->kind == VQ_J_STRING) {
        size_t at;
        VQ_TRY(vq_jsearch(x, in, what, 0, &at));
        *yes = at != SIZE_MAX;
        return VQ_OK;
    }
    if (in->kind == VQ_J_MAP) {
        *yes = what->kind == VQ_J_STRING && vq_jmember(x, in, what->text.s, what->text.n);
        return vq_jspend(x, 0);
    }
    if (in->kind != VQ_J_LIST)
        return vq_jfail(x, "%s in %s cannot be asked", vq_jname(what), vq_jname(in));
    for (size_t i = 0; !*yes && i < in->list.n; i++)
        VQ_TRY(vq_jequal(x, &in->list.at[i], what, yes));
    return VQ_OK;
}

const vq_jvalue *vq_jmember(vq_jrun *x, const vq_jvalue *map, const char *s, size_t n)
{
    const vq_jvalue key = vq_jtext(s, n);
    for (size_t i = 0; i < map->list.n; i++) {
        const bool same = map->list.at[2 * i].text.n == n;
        vq_jspend_late(x, 1 + (same ? VQ_J_LOOK + n : 0));
        if (same && order_texts(&map->list.at[2 * i], &key) == 0) return &map->list.at[2 * i + 1];
    }
    return NULL;
}

static vq_status from_array(vq_jrun *x, const json_t *j, vq_jvalue *out)
{
    const size_t n = json_array_size(j);
    vq_jvalue *at = vq_jalloc(x, n, sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < n; i++) VQ_TRY(vq_jfrom_json(x, json_array_get(j, i), &at[i]));
    return vq_jlist(x, at, n, VQ_J_LIST, out);
}

static vq_status from_object(vq_jrun *x, const json_t *j, vq_jvalue *out)
{
    vq_jvalue *at = vq_jalloc(x, json_object_size(j), 2 * sizeof *at);
    if (!at) return x->e->status;
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        at[2 * n] = vq_jtext(key, strlen(key));
        VQ_TRY(vq_jfrom_json(x, value, &at[2 * n++ + 1]));
    }
    return vq_jlist(x, at, n, VQ_J_MAP, out);
}

vq_status vq_jfrom_json(vq_jrun *x, const json_t *j, vq_jvalue *out)
{
    if (++x->depth > VQ_J_NESTING)
        return vq_jfail(x, "lists and maps are nested more than %d deep", VQ_J_NESTING);
    vq_status s = VQ_OK;
    if (json_is_array(j))
        s = from_array(x, j, out);
    else if (json_is_object(j))
        s = from_object(x, j, out);
    else if (json_is_string(j)) {
        *out = vq_jtext(json_string_value(j), json_string_length(j));
        s = vq_jspend(x, json_string_length(j));
    } else if (json_is_boolean(j))
        *out = vq_jbool(json_is_true(j));
    else if (json_is_integer(j))
        *out = vq_jint(json_integer_value(j));
    else if (json_is_real(j))
        *out = (vq_jvalue){.kind = VQ_J_REAL, .r = json_real_value(j)};
    else
        *out = (vq_jvalue){.kind = VQ_J_NONE};
    x->depth--;
    return s;
}
