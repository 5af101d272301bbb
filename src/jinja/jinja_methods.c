/* jinja_methods.c -- the methods of maps, lists and loops that chat templates call. */
#include <string.h>

#include "jinja/jinja.h"

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

/* Nothing changes a list or a map, so that a copy is the thing itself. */
static vq_status itself(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out)
{
    (void)x, (void)arg;
    *out = *v;
    return VQ_OK;
}

static vq_status list_count(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < v->list.n; i++) {
        bool equal;
        VQ_TRY(vq_jequal(x, &v->list.at[i], arg[0], &equal));
        n += equal;
    }
    *out = vq_jint(n);
    return VQ_OK;
}

static vq_status list_index(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    for (size_t i = 0; i < v->list.n; i++) {
        bool equal;
        *out = vq_jint((int64_t)i);
        VQ_TRY(vq_jequal(x, &v->list.at[i], arg[0], &equal));
        if (equal) return VQ_OK;
    }
    return vq_jfail(x, "index of a value that is not in the list");
}

/* loop.cycle(a, b): one after the other. */
static vq_status loop_cycle(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const size_t n = arg[0]->list.n;
    if (n == 0 || arg[1]->list.n) return vq_jfail(x, "loop.cycle() takes values");
    *out = arg[0]->list.at[v->loop->i % n];
    return VQ_OK;
}

/* loop.changed(a): are they others than the last time? */
static vq_status loop_changed(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    bool equal;
    VQ_TRY(vq_jequal(x, v->loop->seen, arg[0], &equal));
    *v->loop->seen = *arg[0];
    *out = vq_jbool(!equal);
    return VQ_OK;
}

static const vq_jbuiltin list_methods[] = {
    {"count", list_count, {"value"}, 1},
    {"index", list_index, {"value"}, 1},
    {"copy", itself, {NULL}, 0},
    {NULL, NULL, {NULL}, 0},
};

static const vq_jbuiltin loop_methods[] = {
    {"cycle", loop_cycle, {NULL}, VQ_J_OPEN},
    {"changed", loop_changed, {NULL}, VQ_J_OPEN},
    {NULL, NULL, {NULL}, 0},
};

static const vq_jbuiltin map_methods[] = {
    {"get", map_get, {"key", "default"}, 1},
    {"items", map_items, {NULL}, 0},
    {"keys", vq_jlisted, {NULL}, 0},
    {"values", map_values, {NULL}, 0},
    {"copy", itself, {NULL}, 0},
    {NULL, NULL, {NULL}, 0},
};

const vq_jbuiltin *vq_jmethod(vq_jkind kind, const char *name)
{
    const vq_jbuiltin *const tables[][2] = {[VQ_J_STRING] = {vq_jtext_methods, vq_jclass_methods},
                                            [VQ_J_MAP] = {map_methods},
                                            [VQ_J_LIST] = {list_methods},
                                            [VQ_J_LOOP] = {loop_methods},
                                            [VQ_J_MACRO] = {NULL}};
    for (int t = 0; t < 2; t++)
        for (const vq_jbuiltin *m = tables[kind][t]; m && m->name; m++)
            if (strcmp(m->name, name) == 0) return m;
    return NULL;
}

/* What Python's objects have beyond the tables; a member of that name would be hidden by it. */
bool vq_jmethod_name(vq_jkind kind, const char *name)
{
    static const char *const of_text[] = {"encode",       "expandtabs",  "format_map",
                                          "isidentifier", "isprintable", "istitle",
                                          "maketrans",    "translate",   NULL};
    static const char *const of_map[] = {"clear",      "fromkeys", "pop", "popitem",
                                         "setdefault", "update",   NULL};
    static const char *const of_list[] = {"append", "clear",   "extend", "insert", "pop",
                                          "remove", "reverse", "sort",   NULL};
    static const char *const none[] = {NULL};
    const char *const *names = kind == VQ_J_STRING ? of_text
                               : kind == VQ_J_MAP  ? of_map
                               : kind == VQ_J_LIST ? of_list
                                                   : none;
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return vq_jmethod(kind, name) != NULL;
}
