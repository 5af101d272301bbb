/* jinja_format.c -- values put into a text: Python's "%s %5.2f" % values and "{} {name}".format(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja.h"

enum { MOST = 999 }; /* of a width or a precision */

/* What stands between a % and its letter. */
typedef struct field {
    bool left, zero, plus, space, alternate;
    int width, precision; /* -1: none */
    char letter;
} field;

typedef struct formatter {
    vq_jrun *x;
    const vq_jvalue *text, *values;
    size_t at, used; /* in the text, of the values */
    vq_jbuffer b;
} formatter;

static char next(formatter *f)
{
    return f->at < f->text->text.n ? f->text->text.s[f->at++] : '\0';
}

static vq_status next_value(formatter *f, const vq_jvalue **v)
{
    const bool many = f->values->kind == VQ_J_LIST && f->values->tuple;
    if (f->used >= (many ? f->values->list.n : 1))
        return vq_jfail(f->x, "a format with more fields than values");
    *v = many ? &f->values->list.at[f->used] : f->values;
    f->used++;
    return VQ_OK;
}

/* %(name) */
static vq_status named_value(formatter *f, const vq_jvalue **v)
{
    const size_t from = f->at;
    while (f->at < f->text->text.n && f->text->text.s[f->at] != ')') f->at++;
    const vq_jvalue name = vq_jbytes(f->text, from, f->at++);
    VQ_TRY(vq_jspend(f->x, VQ_J_LOOK * name.text.n));
    if (f->values->kind == VQ_J_MAP) *v = vq_jmember(f->x, f->values, name.text.s, name.text.n);
    return *v ? VQ_OK : vq_jfail(f->x, "a format names a member that is not there");
}

static int digits(formatter *f)
{
    int n = 0;
    while (f->at < f->text->text.n && f->text->text.s[f->at] >= '0' &&
           f->text->text.s[f->at] <= '9' && n <= MOST)
        n = 10 * n + (f->text->text.s[f->at++] - '0');
    return n;
}

static vq_status read_field(formatter *f, field *d)
{
    *d = (field){.precision = -1};
    for (char c = next(f);; c = next(f)) {
        if (c == '-')
            d->left = true;
        else if (c == '0')
            d->zero = true;
        else if (c == '+')
            d->plus = true;
        else if (c == ' ')
            d->space = true;
        else if (c == '#')
            d->alternate = true;
        else
            break;
    }
    f->at--;
    d->width = digits(f);
    char c = next(f);
    if (c == '.') {
        d->precision = digits(f);
        c = next(f);
    }
    d->letter = c;
    return d->width <= MOST && d->precision <= MOST
               ? VQ_OK
               : vq_jfail(f->x, "a width or a precision beyond %d", MOST);
}

/* The digits of a number, without sign and width. */
static vq_status number(vq_jrun *x, const field *d, const vq_jvalue *v, char *text, size_t room,
                        bool *minus)
{
    char spec[32];
    const bool whole = strchr("diuxXo", d->letter), real = v->kind == VQ_J_REAL;
    if (!real && v->kind != VQ_J_INT && v->kind != VQ_J_BOOL)
        return vq_jfail(x, "%%%c of %s", d->letter, vq_jname(v));
    if (real && whole && !(v->r > -9e18 && v->r < 9e18))
        return vq_jfail(x, "a whole number beyond 64 bits");
    if (real && strchr("xXo", d->letter)) return vq_jfail(x, "%%%c of a real number", d->letter);
    const double r = real ? v->r : (double)v->i;
    const int64_t i = real ? (int64_t)v->r : v->i;
    *minus = whole ? i < 0 : r < 0;
    const uint64_t size = i < 0 ? (uint64_t)0 - (uint64_t)i : (uint64_t)i;
    const bool prefix = d->alternate && whole && strchr("xXo", d->letter);
    const char *before = !prefix ? "" : d->letter == 'o' ? "0o" : d->letter == 'x' ? "0x" : "0X";
    const char letter = strchr("diu", d->letter) ? 'u' : d->letter;
    if (whole) {
        snprintf(spec, sizeof spec, "%%s%%.%dll%c", d->precision < 0 ? 1 : d->precision, letter);
        snprintf(text, room, spec, before, (unsigned long long)size);
        return VQ_OK;
    }
    snprintf(spec, sizeof spec, "%%%s.%d%c", d->alternate ? "#" : "",
             d->precision < 0 ? 6 : d->precision, letter);
    snprintf(text, room, spec, *minus ? -r : r);
    return VQ_OK;
}

static vq_status put_number(formatter *f, const field *d, const vq_jvalue *v)
{
    char text[1500];
    bool minus = false;
    const vq_jvalue zero = vq_jtext("0", 1);
    VQ_TRY(vq_jspend(f->x, sizeof text));
    VQ_TRY(number(f->x, d, v, text + 1, sizeof text - 1, &minus));
    const bool sign = minus || d->plus || d->space;
    text[0] = minus ? '-' : d->plus ? '+' : ' ';
    vq_jvalue out = vq_jtext(text + !sign, strlen(text + 1) + sign);
    if (d->zero && !d->left) {
        if (sign) VQ_TRY(vq_jput(f->x, &f->b, text, 1));
        out = vq_jtext(text + 1, strlen(text + 1));
        VQ_TRY(vq_jpad(f->x, &out, d->width - sign, 2, &zero, &out));
    } else
        VQ_TRY(vq_jpad(f->x, &out, d->width, d->left ? 0 : 2, NULL, &out));
    return vq_jput(f->x, &f->b, out.text.s, out.text.n);
}

static vq_status put_text(formatter *f, const field *d, const vq_jvalue *v)
{
    vq_jvalue out;
    const vq_jvalue one = *v;
    if (d->letter == 'r' && v->kind == VQ_J_STRING) { /* as a list prints it */
        vq_jvalue list;
        VQ_TRY(vq_jlist(f->x, &one, 1, VQ_J_LIST, &list));
        VQ_TRY(vq_jstring(f->x, &list, &out));
        out = vq_jbytes(&out, 1, out.text.n - 1);
    } else
        VQ_TRY(vq_jstring(f->x, v, &out));
    VQ_TRY(vq_jspend(f->x, VQ_J_LOOK * out.text.n));
    if (d->precision >= 0) out = vq_jpart(out, 0, d->precision);
    VQ_TRY(vq_jpad(f->x, &out, d->width, d->left ? 0 : 2, NULL, &out));
    return vq_jput(f->x, &f->b, out.text.s, out.text.n);
}

static vq_status put_field(formatter *f)
{
    field d;
    const vq_jvalue *v = NULL;
    if (f->at < f->text->text.n && f->text->text.s[f->at] == '(') {
        f->at++;
        VQ_TRY(named_value(f, &v));
    }
    VQ_TRY(read_field(f, &d));
    if (d.letter == '%') return vq_jput(f->x, &f->b, "%", 1);
    if (!d.letter || !strchr("srdiuxXofFeEgG", d.letter))
        return vq_jfail(f->x, "a format with %%, but without a letter that is supported");
    if (!v) VQ_TRY(next_value(f, &v));
    return strchr("sr", d.letter) ? put_text(f, &d, v) : put_number(f, &d, v);
}

vq_status vq_jpercent(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *values, vq_jvalue *out)
{
    formatter f = {.x = x, .text = text, .values = values};
    while (f.at < text->text.n) {
        const size_t from = f.at;
        while (f.at < text->text.n && text->text.s[f.at] != '%') f.at++;
        VQ_TRY(vq_jput(x, &f.b, text->text.s + from, f.at - from));
        if (f.at++ < text->text.n) VQ_TRY(put_field(&f));
    }
    const bool tuple = values->kind == VQ_J_LIST && values->tuple;
    if (f.used < (tuple ? values->list.n : values->kind != VQ_J_MAP && values->kind != VQ_J_LIST))
        return vq_jfail(x, "a format with fewer fields than values");
    *out = vq_jtext(f.b.s, f.b.n);
    return VQ_OK;
}

/* The value of {}, {0} or {name}. */
static vq_status brace_value(formatter *f, const vq_jvalue *name, const vq_jvalue *const *arg,
                             const vq_jvalue **v)
{
    char *end, text[24] = "";
    if (name->text.n < sizeof text) memcpy(text, name->text.s, name->text.n);
    const unsigned long long place = *text ? strtoull(text, &end, 10) : f->used++;
    const bool number = name->text.n == 0 || (*text >= '0' && *text <= '9' && *end == '\0');
    if (number && place < arg[0]->list.n) *v = &arg[0]->list.at[place];
    if (!number) *v = vq_jmember(f->x, arg[1], name->text.s, name->text.n);
    return *v ? vq_jspend(f->x, VQ_J_STEP)
              : vq_jfail(f->x, "format: \"{%.*s}\" is not supported, or not given",
                         (int)(name->text.n < 40 ? name->text.n : 40), name->text.s);
}

vq_status vq_jbraces(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *const *arg, vq_jvalue *out)
{
    formatter f = {.x = x, .text = text};
    const char *s = text->text.s;
    while (f.at < text->text.n) {
        const size_t from = f.at, n = text->text.n;
        const vq_jvalue *v = NULL;
        while (f.at < n && s[f.at] != '{' && s[f.at] != '}') f.at++;
        VQ_TRY(vq_jput(x, &f.b, s + from, f.at - from));
        if (f.at == n) break;
        const char brace = s[f.at++];
        if (f.at < n && s[f.at] == brace) { /* two of them are one */
            VQ_TRY(vq_jput(x, &f.b, s + f.at++, 1));
            continue;
        }
        const size_t name = f.at;
        while (f.at < n && s[f.at] != '}') f.at++;
        if (brace == '}' || f.at == n) return vq_jfail(x, "format: a single \"%c\"", brace);
        const vq_jvalue key = vq_jbytes(text, name, f.at++);
        VQ_TRY(brace_value(&f, &key, arg, &v));
        VQ_TRY(vq_jprint(x, &f.b, v));
    }
    *out = vq_jtext(f.b.s, f.b.n);
    return VQ_OK;
}
