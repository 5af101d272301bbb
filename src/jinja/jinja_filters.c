/* jinja_filters.c -- calls of filters, tests and methods; the filters of any value and of numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja.h"

/* One that takes any arguments. */
static vq_status call_open(vq_jrun *x, const vq_jbuiltin *f, const vq_jvalue *v,
                           const vq_jarguments *args, vq_jvalue *out)
{
    vq_jvalue placed, named, *pairs = vq_jalloc(x, args->n, 2 * sizeof *pairs);
    size_t n = 0, k = 0;
    if (!pairs) return x->e->status;
    while (n < args->n && !args->names[n]) n++;
    for (size_t i = n; i < args->n; i++) {
        pairs[k++] = vq_jtext(args->names[i], strlen(args->names[i]));
        pairs[k++] = args->at[i];
    }
    VQ_TRY(vq_jlist(x, args->at, n, VQ_J_LIST, &placed));
    VQ_TRY(vq_jlist(x, pairs, k / 2, VQ_J_MAP, &named));
    placed.tuple = true;
    const vq_jvalue *const arg[VQ_J_PARAMETERS] = {&placed, &named};
    return f->call(x, v, arg, out);
}

vq_status vq_jcall(vq_jrun *x, const vq_jbuiltin *f, const char *what, const vq_jvalue *v,
                   const vq_jarguments *args, vq_jvalue *out)
{
    const vq_jvalue *arg[VQ_J_PARAMETERS] = {NULL};
    VQ_TRY(vq_jspend(x, 2 * VQ_J_STEP));
    if (f->required == VQ_J_OPEN) return call_open(x, f, v, args, out);
    for (size_t i = 0; i < args->n; i++) {
        size_t place = args->names[i] ? 0 : i;
        while (args->names[i] && place < VQ_J_PARAMETERS &&
               (!f->parameters[place] || strcmp(f->parameters[place], args->names[i]) != 0))
            place++;
        if (place >= VQ_J_PARAMETERS || !f->parameters[place] || arg[place])
            return vq_jfail(x, "the %s \"%s\" is not supported with %s%.40s", what, f->name,
                            args->names[i] ? "" : "that many arguments",
                            args->names[i] ? args->names[i] : "");
        arg[place] = &args->at[i];
    }
    for (int i = 0; i < f->required; i++)
        if (!arg[i])
            return vq_jfail(x, "the %s \"%s\" lacks its %s", what, f->name, f->parameters[i]);
    return f->call(x, v, arg, out);
}

static vq_status filter_length(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    int64_t n;
    (void)arg;
    VQ_TRY(vq_jlength(x, v, &n));
    *out = vq_jint(n);
    return VQ_OK;
}

static vq_status filter_default(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    (void)x;
    const bool other = v->kind == VQ_J_UNDEFINED || (arg[1] && vq_jtruth(arg[1]) && !vq_jtruth(v));
    *out = !other ? *v : arg[0] ? *arg[0] : vq_jtext("", 0);
    return VQ_OK;
}

static vq_status filter_items(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    const vq_jarguments none = {0};
    (void)arg;
    if (v->kind == VQ_J_UNDEFINED) return vq_jlist(x, NULL, 0, VQ_J_LIST, out);
    if (v->kind != VQ_J_MAP) return vq_jfail(x, "items of %s", vq_jname(v));
    VQ_TRY(vq_jcall(x, vq_jmethod(VQ_J_MAP, "items"), "method", v, &none, out));
    out->lazy = true;
    return VQ_OK;
}

static vq_status filter_string(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    (void)arg;
    return vq_jstring(x, v, out);
}

/* None, as an argument, says what leaving it out says. */
static const vq_jvalue *given(const vq_jvalue *v)
{
    return v && v->kind != VQ_J_NONE ? v : NULL;
}

static vq_status read_separators(vq_jrun *x, const vq_jvalue *v, vq_jstyle *s)
{
    if (v->kind != VQ_J_LIST || v->list.n != 2)
        return vq_jfail(x, "tojson: separators are two texts");
    s->item = v->list.at[0];
    s->member = v->list.at[1];
    VQ_TRY(vq_jneed_text(x, &s->item));
    return vq_jneed_text(x, &s->member);
}

/* As transformers has it: json.dumps. */
static vq_status filter_tojson(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    const vq_jvalue *indent = given(arg[1]), space = vq_jtext(" ", 1);
    vq_jstyle s = {.ascii = arg[0] && vq_jtruth(arg[0]),
                   .sort = arg[3] && vq_jtruth(arg[3]),
                   .lines = indent,
                   .item = vq_jtext(indent ? "," : ", ", indent ? 1 : 2),
                   .member = vq_jtext(": ", 2)};
    vq_jbuffer b = {0};
    int64_t n = 0;
    if (indent && indent->kind == VQ_J_STRING)
        s.indent = *indent;
    else {
        VQ_TRY(vq_jneed_int(x, indent, 0, &n));
        if (n > 0) VQ_TRY(vq_jarithmetic(x, VQ_J_MUL, &space, indent, &s.indent));
    }
    if (given(arg[2])) VQ_TRY(read_separators(x, arg[2], &s));
    VQ_TRY(vq_jjson(x, &b, v, &s));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* The number that a text is; false: it is none. Python's int() and float() pass over white space
 * and single underscores between digits. */
static bool read_number(const vq_jvalue *text, int base, bool real, double *r, int64_t *i)
{
    char s[64], *end;
    size_t n = 0;
    const vq_jvalue t = vq_jstrip(*text, true, true);
    if (t.text.n == 0 || t.text.n >= sizeof s) return false;
    for (size_t k = 0; k < t.text.n; k++) {
        const char c = t.text.s[k];
        if (c == '_' && (k == 0 || k + 1 == t.text.n || t.text.s[k - 1] == '_')) return false;
        if (c == 'p' || c == 'P' || (unsigned char)c <= ' ') return false;
        if (c != '_') s[n++] = c;
    }
    s[n] = '\0';
    if (real) {
        if (strpbrk(s, "xX")) return false;
        *r = strtod(s, &end);
        return *end == '\0';
    }
    errno = 0;
    *i = strtoll(s, &end, base);
    return *end == '\0' && errno == 0;
}

static vq_status filter_int(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    int64_t base, i = 0;
    double r = 0;
    VQ_TRY(vq_jneed_int(x, arg[1], 10, &base));
    if (v->kind == VQ_J_UNDEFINED) return vq_jfail(x, "something undefined as a number");
    if (v->kind == VQ_J_STRING) VQ_TRY(vq_jspend(x, v->text.n));
    *out = arg[0] ? *arg[0] : vq_jint(0);
    if (v->kind == VQ_J_INT || v->kind == VQ_J_BOOL) *out = vq_jint(v->i);
    if (v->kind == VQ_J_REAL) r = v->r;
    if (v->kind == VQ_J_STRING && base >= 2 && base <= 36 &&
        read_number(v, (int)base, false, &r, &i)) {
        *out = vq_jint(i);
        return VQ_OK;
    }
    const bool real =
        v->kind == VQ_J_REAL || (v->kind == VQ_J_STRING && read_number(v, 10, true, &r, &i));
    if (real && !isnan(r) && !(r > -9e18 && r < 9e18))
        return vq_jfail(x, "a whole number beyond 64 bits");
    if (real && !isnan(r)) *out = vq_jint((int64_t)r);
    return VQ_OK;
}

static vq_status filter_float(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    double r = 0;
    int64_t i;
    if (v->kind == VQ_J_UNDEFINED) return vq_jfail(x, "something undefined as a number");
    if (v->kind == VQ_J_STRING) VQ_TRY(vq_jspend(x, v->text.n));
    *out = arg[0] ? *arg[0] : (vq_jvalue){.kind = VQ_J_REAL, .r = 0};
    if (v->kind == VQ_J_REAL) *out = *v;
    if (v->kind == VQ_J_INT || v->kind == VQ_J_BOOL)
        *out = (vq_jvalue){.kind = VQ_J_REAL, .r = (double)v->i};
    if (v->kind == VQ_J_STRING && read_number(v, 10, true, &r, &i))
        *out = (vq_jvalue){.kind = VQ_J_REAL, .r = r};
    return VQ_OK;
}

static vq_status filter_abs(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue zero = vq_jint(0);
    int order;
    (void)arg;
    VQ_TRY(vq_jless(x, v, &zero, &order));
    *out = *v;
    if (v->kind == VQ_J_BOOL) *out = vq_jint(v->i);
    return order < 0 ? vq_jarithmetic(x, VQ_J_SUB, &zero, v, out) : VQ_OK;
}

/* To the nearest, halves of binary numbers as they print: what Python's round() does. */
static double round_common(double r, int64_t digits)
{
    char text[400];
    const double scale = pow(10, (double)-digits);
    if (digits < 0) return rint(r / scale) * scale;
    snprintf(text, sizeof text, "%.*f", (int)digits, r);
    return strtod(text, NULL);
}

static vq_status filter_round(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    int64_t digits;
    const char *method = "common";
    VQ_TRY(vq_jneed_int(x, arg[0], 0, &digits));
    VQ_TRY(vq_jneed_text(x, arg[1]));
    if (arg[1])
        method = arg[1]->text.n == 4 && memcmp(arg[1]->text.s, "ceil", 4) == 0     ? "ceil"
                 : arg[1]->text.n == 5 && memcmp(arg[1]->text.s, "floor", 5) == 0  ? "floor"
                 : arg[1]->text.n == 6 && memcmp(arg[1]->text.s, "common", 6) == 0 ? method
                                                                                   : "";
    if (!*method) return vq_jfail(x, "round: the method is common, ceil or floor");
    if (v->kind != VQ_J_REAL && v->kind != VQ_J_INT && v->kind != VQ_J_BOOL)
        return vq_jfail(x, "round of %s", vq_jname(v));
    if (digits < -18 || digits > 40) return vq_jfail(x, "round: from -18 to 40 digits");
    const bool whole = v->kind != VQ_J_REAL, common = method[1] == 'o';
    VQ_TRY(vq_jspend(x, 1024));
    *out = vq_jint(v->i);
    if (whole && common && digits >= 0) return VQ_OK;
    const double r = whole ? (double)v->i : v->r, scale = pow(10, (double)digits),
                 up = method[0] == 'c' ? ceil(r * scale) : floor(r * scale);
    const double rounded = common ? round_common(r, digits) : up / scale;
    *out =
        whole && common ? vq_jint((int64_t)rounded) : (vq_jvalue){.kind = VQ_J_REAL, .r = rounded};
    return VQ_OK;
}

static const vq_jbuiltin filters[] = {
    {"length", filter_length, {NULL}, 0},
    {"count", filter_length, {NULL}, 0},
    {"default", filter_default, {"default_value", "boolean"}, 0},
    {"d", filter_default, {"default_value", "boolean"}, 0},
    {"tojson", filter_tojson, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0},
    {"items", filter_items, {NULL}, 0},
    {"string", filter_string, {NULL}, 0},
    {"safe", filter_string, {NULL}, 0},
    {"int", filter_int, {"default", "base"}, 0},
    {"float", filter_float, {"default"}, 0},
    {"abs", filter_abs, {NULL}, 0},
    {"round", filter_round, {"precision", "method"}, 0},
    {NULL, NULL, {NULL}, 0},
};

const vq_jbuiltin *vq_jfilter(const char *name)
{
    const vq_jbuiltin *const tables[] = {filters, vq_jtext_filters, vq_jlist_filters,
                                         vq_jsort_filters};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const vq_jbuiltin *f = tables[t]; f->name; f++)
            if (strcmp(f->name, name) == 0) return f;
    return NULL;
}
