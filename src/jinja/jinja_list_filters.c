/* jinja_list_filters.c -- the filters of lists and maps. */
#include <string.h>

#include "jinja/jinja.h"

vq_status vq_jmember_of(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *name,
                        const vq_jvalue *other, vq_jvalue *out)
{
    const vq_jvalue point = vq_jtext(".", 1);
    *out = *v;
    if (name->kind == VQ_J_INT) VQ_TRY(vq_jitem(x, v, name, out));
    if (name->kind != VQ_J_INT) VQ_TRY(vq_jneed_text(x, name));
    const size_t len = name->kind == VQ_J_INT ? 0 : name->text.n;
    VQ_TRY(vq_jspend(x, len + VQ_J_STEP));
    for (size_t at = 0, n; name->kind != VQ_J_INT && at <= len; at += n + 1) {
        const size_t end = vq_jfind(name, &point, at);
        n = (end == SIZE_MAX ? len : end) - at;
        vq_jvalue key = vq_jbytes(name, at, at + n), from = *out;
        int64_t place = 0;
        size_t i = 0;
        for (; i < n && i < 9 && key.text.s[i] >= '0' && key.text.s[i] <= '9'; i++)
            place = 10 * place + (key.text.s[i] - '0');
        if (n && i == n) key = vq_jint(place);
        VQ_TRY(vq_jitem(x, &from, &key, out));
        if (out->kind == VQ_J_UNDEFINED && other) *out = *other;
    }
    if (out->kind == VQ_J_UNDEFINED && other) *out = *other;
    return VQ_OK;
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
        if (arg[1]) VQ_TRY(vq_jmember_of(x, &at[i], arg[1], NULL, &item));
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
    if (last && v->lazy) return vq_jfail(x, "the last of a generator: make it a list with | list");
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
    if (v->lazy) return vq_jlist(x, back, n, VQ_J_LIST, out);
    if (v->kind != VQ_J_STRING) return vq_jlazy(x, back, n, out);
    for (size_t i = 0; i < n; i++) VQ_TRY(vq_jput(x, &b, back[i].text.s, back[i].text.n));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* Does an item pass the test that is named in `name`? Without a name: is it true? */
static vq_status passes(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *name,
                        const vq_jvalue *value, bool *yes)
{
    char text[32] = "";
    vq_jvalue answer;
    *yes = vq_jtruth(v);
    if (!name) return VQ_OK;
    VQ_TRY(vq_jneed_text(x, name));
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
    if (!vq_jtruth(v)) return vq_jlazy(x, NULL, 0, out);
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    vq_jvalue *kept = vq_jalloc(x, n, sizeof *kept);
    if (!kept) return x->e->status;
    for (size_t i = 0; i < n; i++) {
        vq_jvalue seen = at[i];
        bool yes;
        if (member) VQ_TRY(vq_jmember_of(x, &at[i], member, NULL, &seen));
        VQ_TRY(passes(x, &seen, test[0], test[1], &yes));
        if (yes == wanted) kept[k++] = at[i];
    }
    return vq_jlazy(x, kept, k, out);
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

/* map(attribute="name", default=value) */
static vq_status map_member(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *named, vq_jvalue *out)
{
    const vq_jvalue *name = vq_jmember(x, named, "attribute", 9),
                    *other = vq_jmember(x, named, "default", 7);
    if (!name || named->list.n > (other ? 2 : 1))
        return vq_jfail(x, "map needs an attribute, or the name of a filter that is supported");
    if (other && other->kind == VQ_J_NONE) other = NULL;
    return vq_jmember_of(x, v, name, other, out);
}

/* map("filter", its arguments ...) */
static vq_status map_filter(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    char text[32] = "";
    const vq_jvalue *name = &arg[0]->list.at[0];
    const size_t placed = arg[0]->list.n - 1, n = placed + arg[1]->list.n;
    vq_jvalue *at = vq_jalloc(x, n, sizeof *at);
    const char **names = at ? vq_jalloc(x, n, sizeof *names) : NULL;
    if (!names) return x->e->status;
    for (size_t i = 0; i < n; i++) {
        names[i] = i < placed ? NULL : arg[1]->list.at[2 * (i - placed)].text.s;
        at[i] = i < placed ? arg[0]->list.at[i + 1] : arg[1]->list.at[2 * (i - placed) + 1];
    }
    if (name->kind == VQ_J_STRING && name->text.n < sizeof text)
        memcpy(text, name->text.s, name->text.n);
    const vq_jbuiltin *filter = vq_jfilter(text);
    if (!filter)
        return vq_jfail(x, "map needs an attribute, or the name of a filter that is supported");
    const vq_jarguments args = {.at = at, .names = names, .n = n};
    return vq_jcall(x, filter, "filter", v, &args, out);
}

static vq_status map_item(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    return arg[0]->list.n ? map_filter(x, v, arg, out) : map_member(x, v, arg[1], out);
}

static vq_status filter_map(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    if (!vq_jtruth(v)) return vq_jlazy(x, NULL, 0, out);
    if (++x->depth > VQ_J_DEPTH)
        return vq_jfail(x, "filters are nested more than %d deep", VQ_J_DEPTH);
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    vq_jvalue *mapped = vq_jalloc(x, n, sizeof *mapped);
    if (!mapped) return x->e->status;
    for (size_t i = 0; i < n; i++) VQ_TRY(map_item(x, &at[i], arg, &mapped[i]));
    x->depth--;
    return vq_jlazy(x, mapped, n, out);
}

/* Items [from, to) as a list, with `fill` behind them up to `room`. */
static vq_status make_part(vq_jrun *x, const vq_jvalue *from, size_t n, size_t room,
                           const vq_jvalue *fill, vq_jvalue *out)
{
    const size_t count = fill && fill->kind != VQ_J_NONE && room > n ? room : n;
    vq_jvalue *at = vq_jalloc(x, count, sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < count; i++) at[i] = i < n ? from[i] : *fill;
    return vq_jlist(x, at, count, VQ_J_LIST, out);
}

static vq_status filter_batch(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n, k = 0;
    int64_t size;
    VQ_TRY(vq_jneed_int(x, arg[0], 0, &size));
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    if (size < 1) return vq_jfail(x, "batch needs a length of at least 1");
    vq_jvalue *parts = vq_jalloc(x, n, sizeof *parts);
    if (!parts) return x->e->status;
    const size_t room = (size_t)size;
    for (size_t from = 0; from < n; from += room < n - from ? room : n - from)
        VQ_TRY(
            make_part(x, at + from, room < n - from ? room : n - from, room, arg[1], &parts[k++]));
    return vq_jlazy(x, parts, k, out);
}

/* As many lists as are asked for; the first ones have one more where they do not come out even. */
static vq_status filter_slice(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n, from = 0;
    int64_t count;
    VQ_TRY(vq_jneed_int(x, arg[0], 0, &count));
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    if (count < 1 || count > VQ_J_WORK) return vq_jfail(x, "slice needs a number of lists");
    const size_t lists = (size_t)count, each = n / lists, more = n % lists;
    vq_jvalue *parts = vq_jalloc(x, lists, sizeof *parts);
    if (!parts) return x->e->status;
    for (size_t i = 0; i < lists; i++) {
        const size_t take = each + (i < more);
        VQ_TRY(make_part(x, at + from, take, i >= more ? each + 1 : 0, arg[1], &parts[i]));
        from += take;
    }
    return vq_jlazy(x, parts, lists, out);
}

static vq_status filter_sum(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    *out = arg[1] ? *arg[1] : vq_jint(0);
    if (out->kind == VQ_J_STRING) return vq_jfail(x, "sum of texts: use join");
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    for (size_t i = 0; i < n; i++) {
        vq_jvalue item = at[i];
        const vq_jvalue so_far = *out;
        if (arg[0] && arg[0]->kind != VQ_J_NONE)
            VQ_TRY(vq_jmember_of(x, &at[i], arg[0], NULL, &item));
        VQ_TRY(vq_jspend(x, VQ_J_STEP));
        VQ_TRY(vq_jarithmetic(x, VQ_J_ADD, &so_far, &item, out));
    }
    return VQ_OK;
}

const vq_jbuiltin vq_jlist_filters[] = {
    {"join", filter_join, {"d", "attribute"}, 0},
    {"first", filter_first, {NULL}, 0},
    {"last", filter_last, {NULL}, 0},
    {"list", vq_jlisted, {NULL}, 0},
    {"reverse", filter_reverse, {NULL}, 0},
    {"selectattr", filter_selectattr, {"attribute", "test", "value"}, 1},
    {"rejectattr", filter_rejectattr, {"attribute", "test", "value"}, 1},
    {"select", filter_select, {"test", "value"}, 0},
    {"reject", filter_reject, {"test", "value"}, 0},
    {"map", filter_map, {NULL}, VQ_J_OPEN},
    {"batch", filter_batch, {"linecount", "fill_with"}, 1},
    {"slice", filter_slice, {"slices", "fill_with"}, 1},
    {"sum", filter_sum, {"attribute", "start"}, 0},
    {NULL, NULL, {NULL}, 0},
};
