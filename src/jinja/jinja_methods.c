/* jinja_methods.c -- the methods of strings and maps that chat templates call. */
#include <string.h>

#include "jinja/jinja.h"

static vq_status need_text(vq_jrun *x, const vq_jvalue *v)
{
    return !v || v->kind == VQ_J_STRING || v->kind == VQ_J_NONE
               ? VQ_OK
               : vq_jfail(x, "%s where a string is needed", vq_jname(v));
}

/* None as an argument says what leaving it out says. */
static const vq_jvalue *given(const vq_jvalue *v)
{
    return v && v->kind == VQ_J_STRING ? v : NULL;
}

static vq_status strip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *set, bool left, bool right,
                       vq_jvalue *out)
{
    VQ_TRY(need_text(x, set));
    return vq_jstrip_by(x, *v, given(set), left, right, out);
}

static vq_status text_strip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return strip(x, v, arg[0], true, true, out);
}

static vq_status text_lstrip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return strip(x, v, arg[0], true, false, out);
}

static vq_status text_rstrip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return strip(x, v, arg[0], false, true, out);
}

static vq_status text_upper(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    (void)arg;
    return vq_jcase(x, *v, true, out);
}

static vq_status text_lower(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    (void)arg;
    return vq_jcase(x, *v, false, out);
}

static vq_status at_end(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *what, bool front,
                        vq_jvalue *out)
{
    if (what->kind != VQ_J_STRING)
        return vq_jfail(x, "%s where a string is needed", vq_jname(what));
    const size_t n = what->text.n;
    VQ_TRY(vq_jspend(x, n <= v->text.n ? n : 0));
    *out =
        vq_jbool(n <= v->text.n && (n == 0 || memcmp(front ? v->text.s : v->text.s + v->text.n - n,
                                                     what->text.s, n) == 0));
    return VQ_OK;
}

static vq_status text_startswith(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    return at_end(x, v, arg[0], true, out);
}

static vq_status text_endswith(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    return at_end(x, v, arg[0], false, out);
}

static vq_status text_split(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    VQ_TRY(need_text(x, arg[0]));
    if (arg[1] && arg[1]->kind != VQ_J_INT)
        return vq_jfail(x, "%s as the maxsplit of split", vq_jname(arg[1]));
    return vq_jsplit(x, *v, given(arg[0]), arg[1] ? arg[1]->i : -1, out);
}

static vq_status text_replace(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    for (int i = 0; i < 2; i++)
        if (arg[i]->kind != VQ_J_STRING)
            return vq_jfail(x, "%s where a string is needed", vq_jname(arg[i]));
    return vq_jreplace(x, *v, *arg[0], *arg[1], out);
}

static vq_status map_get(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                         vq_jvalue *out)
{
    const vq_jvalue none = {.kind = VQ_J_NONE};
    const vq_jvalue *member =
        arg[0]->kind == VQ_J_STRING ? vq_jmember(x, v, arg[0]->text.s, arg[0]->text.n) : NULL;
    *out = member ? *member : arg[1] ? *arg[1] : none;
    return vq_jspend(x, v->list.n);
}

static vq_status map_items(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                           vq_jvalue *out)
{
    vq_jvalue *pairs = vq_jalloc(x, v->list.n, sizeof *pairs);
    (void)arg;
    if (!pairs) return x->e->status;
    for (size_t i = 0; i < v->list.n; i++) {
        VQ_TRY(vq_jlist(x, v->list.at + 2 * i, 2, VQ_J_LIST, &pairs[i]));
        pairs[i].tuple = true;
    }
    return vq_jlist(x, pairs, v->list.n, VQ_J_LIST, out);
}

vq_status vq_jlisted(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    (void)arg;
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    return vq_jlist(x, at, n, VQ_J_LIST, out);
}

static vq_status map_values(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    vq_jvalue *at = vq_jalloc(x, v->list.n, sizeof *at);
    (void)arg;
    if (!at) return x->e->status;
    for (size_t i = 0; i < v->list.n; i++) at[i] = v->list.at[2 * i + 1];
    return vq_jlist(x, at, v->list.n, VQ_J_LIST, out);
}

static const vq_jbuiltin text_methods[] = {
    {"strip", text_strip, {"chars"}, 0},
    {"lstrip", text_lstrip, {"chars"}, 0},
    {"rstrip", text_rstrip, {"chars"}, 0},
    {"upper", text_upper, {NULL}, 0},
    {"lower", text_lower, {NULL}, 0},
    {"startswith", text_startswith, {"prefix"}, 1},
    {"endswith", text_endswith, {"suffix"}, 1},
    {"split", text_split, {"sep", "maxsplit"}, 0},
    {"replace", text_replace, {"old", "new"}, 2},
    {NULL, NULL, {NULL}, 0},
};

static const vq_jbuiltin map_methods[] = {
    {"get", map_get, {"key", "default"}, 1},
    {"items", map_items, {NULL}, 0},
    {"keys", vq_jlisted, {NULL}, 0},
    {"values", map_values, {NULL}, 0},
    {NULL, NULL, {NULL}, 0},
};

const vq_jbuiltin *vq_jmethod(vq_jkind kind, const char *name)
{
    if (kind != VQ_J_STRING && kind != VQ_J_MAP) return NULL;
    for (const vq_jbuiltin *m = kind == VQ_J_MAP ? map_methods : text_methods; m->name; m++)
        if (strcmp(m->name, name) == 0) return m;
    return NULL;
}

/* What Python's objects have beyond the tables; a member of that name would be hidden by it. */
bool vq_jmethod_name(vq_jkind kind, const char *name)
{
    static const char *const of_text[] = {
        "capitalize", "center",   "count",     "encode", "find",   "format",
        "index",      "join",     "partition", "rfind",  "rindex", "rsplit",
        "splitlines", "swapcase", "title",     "zfill",  NULL};
    static const char *const of_map[] = {"clear",      "copy",   "pop", "popitem",
                                         "setdefault", "update", NULL};
    static const char *const of_list[] = {"append",  "copy",   "count", "extend",
                                          "index",   "insert", "pop",   "remove",
                                          "reverse", "sort",   NULL};
    static const char *const none[] = {NULL};
    const char *const *names = kind == VQ_J_STRING ? of_text
                               : kind == VQ_J_MAP  ? of_map
                               : kind == VQ_J_LIST ? of_list
                                                   : none;
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return vq_jmethod(kind, name) != NULL;
}
