/* jinja_filters.c -- what {{ value | filter }} and {{ value is test }} do. */
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja.h"

vq_status vq_jcall(vq_jrun *x, const vq_jbuiltin *f, const char *what, const vq_jvalue *v,
                   const vq_jarguments *args, vq_jvalue *out)
{
    const vq_jvalue *arg[VQ_J_PARAMETERS] = {NULL};
    VQ_TRY(vq_jspend(x, 2 * VQ_J_STEP));
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

/* An argument that must be text, when it is given. */
static vq_status need_text(vq_jrun *x, const vq_jvalue *v)
{
    return !v || v->kind == VQ_J_STRING ? VQ_OK
                                        : vq_jfail(x, "%s where a string is needed", vq_jname(v));
}

static vq_status filter_trim(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(need_text(x, arg[0]));
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jstrip_by(x, text, arg[0], true, true, out);
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

static vq_status change_case(vq_jrun *x, const vq_jvalue *v, bool upper, vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jcase(x, text, upper, out);
}

static vq_status filter_upper(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    return change_case(x, v, true, out);
}

static vq_status filter_lower(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    return change_case(x, v, false, out);
}

static vq_status filter_capitalize(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    vq_jvalue text, first, rest;
    vq_jbuffer b = {0};
    int32_t c;
    (void)arg;
    VQ_TRY(vq_jstring(x, v, &text));
    const size_t n = text.text.n ? vq_jchar(text.text.s, text.text.n, &c) : 0;
    VQ_TRY(vq_jcase(x, vq_jtext(text.text.s, n), true, &first));
    VQ_TRY(vq_jcase(x, vq_jtext(text.text.s + n, text.text.n - n), false, &rest));
    VQ_TRY(vq_jput(x, &b, first.text.s, first.text.n));
    VQ_TRY(vq_jput(x, &b, rest.text.s, rest.text.n));
    *out = vq_jtext(b.s, b.n);
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

static vq_status filter_tojson(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    vq_jbuffer b = {0};
    int64_t indent = -1;
    if (arg[0] && arg[0]->kind == VQ_J_INT && arg[0]->i >= 0 && arg[0]->i <= 64)
        indent = arg[0]->i;
    else if (arg[0] && arg[0]->kind != VQ_J_NONE)
        return vq_jfail(x, "tojson takes an indent from 0 to 64");
    if (arg[1] && vq_jtruth(arg[1]))
        return vq_jfail(x, "tojson with ensure_ascii is not supported");
    VQ_TRY(vq_jjson(x, &b, v, indent));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* A member of each item: what map, join and selectattr look at. Names with points go deeper. */
static vq_status member_of(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *name, vq_jvalue *out)
{
    *out = *v;
    VQ_TRY(need_text(x, name));
    VQ_TRY(vq_jspend(x, name->text.n));
    for (size_t at = 0, n; at <= name->text.n; at += n + 1) {
        const vq_jvalue point = vq_jtext(".", 1);
        const size_t end = vq_jfind(name, &point, at);
        n = (end == SIZE_MAX ? name->text.n : end) - at;
        if (out->kind == VQ_J_UNDEFINED)
            return vq_jfail(x, "\"%.*s\" is undefined", (int)out->text.n, out->text.s);
        const vq_jvalue *member =
            out->kind == VQ_J_MAP ? vq_jmember(x, out, name->text.s + at, n) : NULL;
        *out = member ? *member : (vq_jvalue){.kind = VQ_J_UNDEFINED, .text = name->text};
    }
    return vq_jspend(x, VQ_J_STEP);
}

static vq_status filter_join(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    vq_jbuffer b = {0};
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    for (size_t i = 0; i < n; i++) {
        vq_jvalue item = at[i];
        if (arg[1]) VQ_TRY(member_of(x, &at[i], arg[1], &item));
        if (i && arg[0]) VQ_TRY(vq_jprint(x, &b, arg[0]));
        VQ_TRY(vq_jprint(x, &b, &item));
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status end_of(vq_jrun *x, const vq_jvalue *v, bool last, vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    *out = n ? at[last ? n - 1 : 0]
             : (vq_jvalue){.kind = VQ_J_UNDEFINED, .text = {.s = "an item of nothing", .n = 18}};
    return VQ_OK;
}

static vq_status filter_first(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    return end_of(x, v, false, out);
}

static vq_status filter_last(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    (void)arg;
    return end_of(x, v, true, out);
}

static vq_status filter_reverse(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    vq_jbuffer b = {0};
    (void)arg;
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    vq_jvalue *back = vq_jalloc(x, n, sizeof *back);
    if (!back) return x->e->status;
    for (size_t i = 0; i < n; i++) back[i] = at[n - 1 - i];
    if (v->kind != VQ_J_STRING) return vq_jlist(x, back, n, VQ_J_LIST, out);
    for (size_t i = 0; i < n; i++) VQ_TRY(vq_jput(x, &b, back[i].text.s, back[i].text.n));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status filter_items(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    const vq_jarguments none = {0};
    (void)arg;
    if (v->kind == VQ_J_UNDEFINED) return vq_jlist(x, NULL, 0, VQ_J_LIST, out);
    if (v->kind != VQ_J_MAP) return vq_jfail(x, "items of %s", vq_jname(v));
    return vq_jcall(x, vq_jmethod(VQ_J_MAP, "items"), "method", v, &none, out);
}

static vq_status filter_string(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    (void)arg;
    return vq_jstring(x, v, out);
}

static vq_status filter_int(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue zero = vq_jint(0);
    *out = arg[0] ? *arg[0] : zero;
    if (v->kind == VQ_J_INT || v->kind == VQ_J_BOOL) *out = vq_jint(v->i);
    if (v->kind == VQ_J_REAL && v->r > -9e18 && v->r < 9e18) *out = vq_jint((int64_t)v->r);
    if (v->kind != VQ_J_STRING) return VQ_OK;
    char text[32] = "", *end;
    const vq_jvalue digits = vq_jstrip(*v, true, true);
    VQ_TRY(vq_jspend(x, v->text.n));
    if (digits.text.n == 0 || digits.text.n > 18) return VQ_OK;
    memcpy(text, digits.text.s, digits.text.n);
    const long long i = strtoll(text, &end, 10);
    if (*end == '\0') *out = vq_jint(i);
    return VQ_OK;
}

static vq_status filter_replace(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(need_text(x, arg[0]));
    VQ_TRY(need_text(x, arg[1]));
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jreplace(x, text, *arg[0], *arg[1], out);
}

/* Does an item pass the test that is named in `name`? Without a name: is it true? */
static vq_status passes(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *name,
                        const vq_jvalue *value, bool *yes)
{
    char text[32] = "";
    vq_jvalue answer;
    *yes = vq_jtruth(v);
    if (!name) return VQ_OK;
    VQ_TRY(need_text(x, name));
    if (name->text.n < sizeof text) memcpy(text, name->text.s, name->text.n);
    const vq_jbuiltin *test = vq_jtest(text);
    if (!test)
        return vq_jfail(x, "the test \"%.*s\" is not supported",
                        (int)(name->text.n < 40 ? name->text.n : 40), name->text.s);
    const char *const no_name = NULL;
    const vq_jarguments args = {.at = value, .names = &no_name, .n = value ? 1 : 0};
    VQ_TRY(vq_jcall(x, test, "test", v, &args, &answer));
    *yes = vq_jtruth(&answer);
    return VQ_OK;
}

/* The items of v that pass (or do not): member NULL looks at the items themselves. */
static vq_status sieve(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *member,
                       const vq_jvalue *const *test, bool wanted, vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n, k = 0;
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    vq_jvalue *kept = vq_jalloc(x, n, sizeof *kept);
    if (!kept) return x->e->status;
    for (size_t i = 0; i < n; i++) {
        vq_jvalue seen = at[i];
        bool yes;
        if (member) VQ_TRY(member_of(x, &at[i], member, &seen));
        VQ_TRY(passes(x, &seen, test[0], test[1], &yes));
        if (yes == wanted) kept[k++] = at[i];
    }
    return vq_jlist(x, kept, k, VQ_J_LIST, out);
}

static vq_status filter_selectattr(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    return sieve(x, v, arg[0], arg + 1, true, out);
}

static vq_status filter_rejectattr(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    return sieve(x, v, arg[0], arg + 1, false, out);
}

static vq_status filter_select(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    return sieve(x, v, NULL, arg, true, out);
}

static vq_status filter_reject(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    return sieve(x, v, NULL, arg, false, out);
}

static vq_status map_item(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    char text[32] = "";
    const vq_jarguments none = {0};
    if (arg[1]) {
        VQ_TRY(member_of(x, v, arg[1], out));
        if (out->kind == VQ_J_UNDEFINED && arg[2]) *out = *arg[2];
        return VQ_OK;
    }
    if (arg[0] && arg[0]->kind == VQ_J_STRING && arg[0]->text.n < sizeof text)
        memcpy(text, arg[0]->text.s, arg[0]->text.n);
    const vq_jbuiltin *filter = vq_jfilter(text);
    if (!filter)
        return vq_jfail(x, "map needs an attribute, or the name of a filter that is supported");
    return vq_jcall(x, filter, "filter", v, &none, out);
}

static vq_status filter_map(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    if (++x->depth > VQ_J_DEPTH)
        return vq_jfail(x, "filters are nested more than %d deep", VQ_J_DEPTH);
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    vq_jvalue *mapped = vq_jalloc(x, n, sizeof *mapped);
    if (!mapped) return x->e->status;
    for (size_t i = 0; i < n; i++) VQ_TRY(map_item(x, &at[i], arg, &mapped[i]));
    x->depth--;
    return vq_jlist(x, mapped, n, VQ_J_LIST, out);
}

static const vq_jbuiltin filters[] = {
    {"trim", filter_trim, {"chars"}, 0},
    {"length", filter_length, {NULL}, 0},
    {"count", filter_length, {NULL}, 0},
    {"upper", filter_upper, {NULL}, 0},
    {"lower", filter_lower, {NULL}, 0},
    {"capitalize", filter_capitalize, {NULL}, 0},
    {"default", filter_default, {"default_value", "boolean"}, 0},
    {"d", filter_default, {"default_value", "boolean"}, 0},
    {"tojson", filter_tojson, {"indent", "ensure_ascii"}, 0},
    {"join", filter_join, {"d", "attribute"}, 0},
    {"first", filter_first, {NULL}, 0},
    {"last", filter_last, {NULL}, 0},
    {"list", vq_jlisted, {NULL}, 0},
    {"reverse", filter_reverse, {NULL}, 0},
    {"items", filter_items, {NULL}, 0},
    {"string", filter_string, {NULL}, 0},
    {"safe", filter_string, {NULL}, 0},
    {"int", filter_int, {"default"}, 0},
    {"replace", filter_replace, {"old", "new"}, 2},
    {"selectattr", filter_selectattr, {"attribute", "test", "value"}, 1},
    {"rejectattr", filter_rejectattr, {"attribute", "test", "value"}, 1},
    {"select", filter_select, {"test", "value"}, 0},
    {"reject", filter_reject, {"test", "value"}, 0},
    {"map", filter_map, {"filter", "attribute", "default"}, 0},
};

const vq_jbuiltin *vq_jfilter(const char *name)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0) return &filters[i];
    return NULL;
}
