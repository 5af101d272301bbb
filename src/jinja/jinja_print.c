/* jinja_print.c -- values of a chat template as text: as Python's str() and repr() write them, and
 * as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

static vq_status put_text(vq_jrun *x, vq_jbuffer *b, const char *s)
{
    return vq_jput(x, b, s, strlen(s));
}

/* The fewest digits that read back as the same number, with an exponent where Python writes one. */
static vq_status put_real(vq_jrun *x, vq_jbuffer *b, double r)
{
    char digits[40], text[64];
    int precision = 0;
    if (!isfinite(r)) return put_text(x, b, isnan(r) ? "nan" : r < 0 ? "-inf" : "inf");
    do {
        snprintf(digits, sizeof digits, "%.*e", precision, r);
    } while (strtod(digits, NULL) != r && ++precision < 17);
    const int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16)
        snprintf(text, sizeof text, "%s", digits);
    else
        snprintf(text, sizeof text, "%.*f", precision > exponent + 1 ? precision - exponent : 1, r);
    return put_text(x, b, text);
}

static bool printable(int32_t c)
{
    if (c < 0x80) return c >= 32 && c != 127;
    const utf8proc_category_t k = utf8proc_category(c);
    return k != UTF8PROC_CATEGORY_CN && k != UTF8PROC_CATEGORY_CC && k != UTF8PROC_CATEGORY_CF &&
           k != UTF8PROC_CATEGORY_CS && k != UTF8PROC_CATEGORY_CO && k != UTF8PROC_CATEGORY_ZS &&
           k != UTF8PROC_CATEGORY_ZL && k != UTF8PROC_CATEGORY_ZP;
}

static vq_status put_repr_char(vq_jrun *x, vq_jbuffer *b, const char *s, size_t n, char quote)
{
    static const char letters[] = "\n\r\t\\", means[] = "nrt\\";
    int32_t c;
    (void)vq_jchar(s, n, &c);
    const char *simple = c > 0 && c < 128 ? strchr(letters, (char)c) : NULL;
    char text[16];
    if (c == quote)
        snprintf(text, sizeof text, "\\%c", quote);
    else if (simple)
        snprintf(text, sizeof text, "\\%c", means[simple - letters]);
    else if (printable(c))
        return vq_jput(x, b, s, n);
    else
        snprintf(text, sizeof text,
                 c < 0x100     ? "\\x%02x"
                 : c < 0x10000 ? "\\u%04x"
                               : "\\U%08x",
                 (unsigned)c);
    return put_text(x, b, text);
}

static vq_status put_repr_text(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v)
{
    const bool single = v->text.n && memchr(v->text.s, '\'', v->text.n),
               twice = v->text.n && memchr(v->text.s, '"', v->text.n);
    const char quote[] = {single && !twice ? '"' : '\'', '\0'};
    int32_t c;
    VQ_TRY(put_text(x, b, quote));
    for (size_t at = 0, n; at < v->text.n; at += n) {
        n = vq_jchar(v->text.s + at, v->text.n - at, &c);
        VQ_TRY(put_repr_char(x, b, v->text.s + at, n, quote[0]));
    }
    return put_text(x, b, quote);
}

static vq_status put_repr(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v);

static vq_status put_list(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v)
{
    if (v->lazy) return vq_jfail(x, "a generator is printed: make it a list with | list");
    VQ_TRY(put_text(x, b, v->tuple ? "(" : "["));
    for (size_t i = 0; i < v->list.n; i++) {
        if (i) VQ_TRY(put_text(x, b, ", "));
        VQ_TRY(put_repr(x, b, &v->list.at[i]));
    }
    return put_text(x, b, !v->tuple ? "]" : v->list.n == 1 ? ",)" : ")");
}

static vq_status put_map(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v)
{
    VQ_TRY(put_text(x, b, "{"));
    for (size_t i = 0; i < v->list.n; i++) {
        if (i) VQ_TRY(put_text(x, b, ", "));
        VQ_TRY(put_repr(x, b, &v->list.at[2 * i]));
        VQ_TRY(put_text(x, b, ": "));
        VQ_TRY(put_repr(x, b, &v->list.at[2 * i + 1]));
    }
    return put_text(x, b, "}");
}

static vq_status put_repr(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v)
{
    if (v->kind == VQ_J_UNDEFINED) return put_text(x, b, "Undefined");
    return v->kind == VQ_J_STRING ? put_repr_text(x, b, v) : vq_jprint(x, b, v);
}

vq_status vq_jprint(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v)
{
    char text[32];
    VQ_TRY(vq_jspend(x, VQ_J_STEP));
    switch (v->kind) {
    case VQ_J_UNDEFINED:
        return VQ_OK;
    case VQ_J_NONE:
        return put_text(x, b, "None");
    case VQ_J_BOOL:
        return put_text(x, b, v->i ? "True" : "False");
    case VQ_J_INT:
        snprintf(text, sizeof text, "%lld", (long long)v->i);
        return put_text(x, b, text);
    case VQ_J_REAL:
        return put_real(x, b, v->r);
    case VQ_J_STRING:
        return vq_jput(x, b, v->text.s, v->text.n);
    case VQ_J_LIST:
        return put_list(x, b, v);
    case VQ_J_MAP:
        return put_map(x, b, v);
    default:
        return vq_jfail(x, "%s cannot be printed", vq_jname(v));
    }
}

vq_status vq_jstring(vq_jrun *x, const vq_jvalue *v, vq_jvalue *out)
{
    vq_jbuffer b = {0};
    *out = *v;
    if (v->kind == VQ_J_STRING) return VQ_OK;
    VQ_TRY(vq_jprint(x, &b, v));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* One character of a JSON string that is not written as it stands. */
static vq_status json_char(vq_jrun *x, vq_jbuffer *b, int32_t c)
{
    static const char letters[] = "\n\r\t\b\f\"\\", means[] = "nrtbf\"\\";
    const char *simple = c > 0 && c < 128 ? strchr(letters, (char)c) : NULL;
    char text[16];
    if (simple)
        snprintf(text, sizeof text, "\\%c", means[simple - letters]);
    else if (c < 0x10000)
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    else /* as UTF-16 has it */
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd7c0 + ((unsigned)c >> 10),
                 0xdc00 + ((unsigned)c & 0x3ff));
    return put_text(x, b, text);
}

static vq_status json_text(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, bool ascii)
{
    int32_t c;
    VQ_TRY(put_text(x, b, "\""));
    for (size_t at = 0, n; at < v->text.n; at += n) {
        n = vq_jchar(v->text.s + at, v->text.n - at, &c);
        const bool plain = c >= ' ' && c != '"' && c != '\\' && (!ascii || c < 127);
        VQ_TRY(plain ? vq_jput(x, b, v->text.s + at, n) : json_char(x, b, c));
    }
    return put_text(x, b, "\"");
}

static vq_status json_break(vq_jrun *x, vq_jbuffer *b, const vq_jstyle *s, int level)
{
    if (!s->lines) return VQ_OK;
    VQ_TRY(put_text(x, b, "\n"));
    for (int i = 0; i < level; i++) VQ_TRY(vq_jput(x, b, s->indent.text.s, s->indent.text.n));
    return VQ_OK;
}

static vq_status json_value(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, const vq_jstyle *s,
                            int level);

static vq_status json_items(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, const vq_jstyle *s,
                            int level)
{
    const bool map = v->kind == VQ_J_MAP;
    VQ_TRY(put_text(x, b, map ? "{" : "["));
    for (size_t i = 0; i < v->list.n; i++) {
        if (i) VQ_TRY(vq_jput(x, b, s->item.text.s, s->item.text.n));
        VQ_TRY(json_break(x, b, s, level + 1));
        if (map) VQ_TRY(json_text(x, b, &v->list.at[2 * i], s->ascii));
        if (map) VQ_TRY(vq_jput(x, b, s->member.text.s, s->member.text.n));
        VQ_TRY(json_value(x, b, &v->list.at[map ? 2 * i + 1 : i], s, level + 1));
    }
    if (v->list.n) VQ_TRY(json_break(x, b, s, level));
    return put_text(x, b, map ? "}" : "]");
}

static vq_status json_value(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, const vq_jstyle *s,
                            int level)
{
    vq_jvalue sorted;
    VQ_TRY(vq_jspend(x, VQ_J_STEP));
    if (v->kind == VQ_J_STRING) return json_text(x, b, v, s->ascii);
    if (v->kind == VQ_J_NONE) return put_text(x, b, "null");
    if (v->kind == VQ_J_BOOL) return put_text(x, b, v->i ? "true" : "false");
    if (v->kind == VQ_J_INT || v->kind == VQ_J_REAL) return vq_jprint(x, b, v);
    if ((v->kind != VQ_J_MAP && v->kind != VQ_J_LIST) || v->lazy)
        return vq_jfail(x, "tojson of %s", v->lazy ? "a generator" : vq_jname(v));
    if (!s->sort || v->kind != VQ_J_MAP) return json_items(x, b, v, s, level);
    VQ_TRY(vq_jsort_map(x, v, &sorted));
    return json_items(x, b, &sorted, s, level);
}

vq_status vq_jjson(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, const vq_jstyle *s)
{
    return json_value(x, b, v, s, 0);
}
