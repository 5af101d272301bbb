/* jinja_sort_filters.c -- the filters that compare items, by a member or as they are. */
#include <string.h>

#include "jinja/jinja.h"

/* What sort, unique and others compare of an item. */
typedef struct key_rule {
    const vq_jvalue *attribute, *other; /* NULL: the item itself; none for what lacks it */
    const vq_jvalue *many;              /* list of attributes, instead */
    bool exact;                         /* capital letters count */
} key_rule;

static key_rule rule_of(const vq_jvalue *attribute, const vq_jvalue *exact)
{
    return (key_rule){.attribute = attribute && attribute->kind != VQ_J_NONE ? attribute : NULL,
                      .exact = exact && vq_jtruth(exact)};
}

static vq_status part_key(vq_jrun *x, const vq_jvalue *item, const vq_jvalue *attribute,
                          const key_rule *r, vq_jvalue *key)
{
    *key = *item;
    if (attribute) VQ_TRY(vq_jmember_of(x, item, attribute, r->other, key));
    return !r->exact && key->kind == VQ_J_STRING ? vq_jcase(x, *key, false, key) : VQ_OK;
}

/* Of several names between commas: a list of what each of them gives. */
static vq_status key_of(vq_jrun *x, const vq_jvalue *item, const key_rule *r, vq_jvalue *key)
{
    if (!r->many) return part_key(x, item, r->attribute, r, key);
    const size_t n = r->many->list.n;
    vq_jvalue *parts = vq_jalloc(x, n, sizeof *parts);
    if (!parts) return x->e->status;
    for (size_t i = 0; i < n; i++) VQ_TRY(part_key(x, item, &r->many->list.at[i], r, &parts[i]));
    return vq_jlist(x, parts, n, VQ_J_LIST, key);
}

/* An item and what it is compared by. */
typedef struct keyed {
    vq_jvalue key, item;
} keyed;

/* Two sorted halves of n items to one; of equal ones the first stays first. */
static vq_status merge(vq_jrun *x, const keyed *a, size_t half, size_t n, bool down, keyed *to)
{
    size_t i = 0, j = half;
    for (size_t k = 0; k < n; k++) {
        int order = i < half ? -1 : 1;
        if (i < half && j < n) {
            VQ_TRY(vq_jless(x, &a[j].key, &a[i].key, &order));
            order = (down ? order > 0 : order < 0) ? 1 : -1;
        }
        to[k] = order < 0 ? a[i++] : a[j++];
    }
    return vq_jspend(x, n * VQ_J_STEP);
}

static vq_status sort(vq_jrun *x, keyed **list, size_t n, bool down)
{
    keyed *from = *list, *to = vq_jalloc(x, n, sizeof *to);
    if (!to) return x->e->status;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t at = 0; at < n; at += 2 * run) {
            const size_t left = n - at;
            VQ_TRY(merge(x, from + at, run < left ? run : left, 2 * run < left ? 2 * run : left,
                         down, to + at));
        }
        keyed *swap = from;
        from = to;
        to = swap;
    }
    *list = from;
    return VQ_OK;
}

/* The items that v walks, with their keys. */
static vq_status keep_keys(vq_jrun *x, const vq_jvalue *v, const key_rule *r, keyed **list,
                           size_t *n)
{
    const vq_jvalue *at;
    VQ_TRY(vq_jiterate(x, v, &at, n));
    if (!(*list = vq_jalloc(x, *n, sizeof **list))) return x->e->status;
    for (size_t i = 0; i < *n; i++) {
        (*list)[i].item = at[i];
        VQ_TRY(key_of(x, &at[i], r, &(*list)[i].key));
    }
    return VQ_OK;
}

static vq_status items_of(vq_jrun *x, const keyed *list, size_t n, vq_jvalue **at)
{
    if (!(*at = vq_jalloc(x, n, sizeof **at))) return x->e->status;
    for (size_t i = 0; i < n; i++) (*at)[i] = list[i].item;
    return VQ_OK;
}

static vq_status filter_sort(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    key_rule r = rule_of(arg[2], arg[1]);
    const vq_jvalue comma = vq_jtext(",", 1);
    keyed *list;
    vq_jvalue *at, names = {0};
    size_t n;
    if (r.attribute && r.attribute->kind == VQ_J_STRING)
        VQ_TRY(vq_jsplit(x, *r.attribute, &comma, -1, &names));
    else if (r.attribute)
        VQ_TRY(vq_jlist(x, r.attribute, 1, VQ_J_LIST, &names));
    if (r.attribute) r.many = &names;
    VQ_TRY(keep_keys(x, v, &r, &list, &n));
    VQ_TRY(sort(x, &list, n, arg[0] && vq_jtruth(arg[0])));
    VQ_TRY(items_of(x, list, n, &at));
    return vq_jlist(x, at, n, VQ_J_LIST, out);
}

/* The pairs of a map by key or by value, as a list. */
static vq_status sort_pairs(vq_jrun *x, const vq_jvalue *map, bool by_value, bool exact, bool down,
                            vq_jvalue *out)
{
    const vq_jarguments none = {0};
    const vq_jvalue place = vq_jint(by_value);
    const key_rule r = {.attribute = &place, .exact = exact};
    keyed *list;
    vq_jvalue *at, pairs;
    size_t n;
    if (map->kind != VQ_J_MAP) return vq_jfail(x, "%s is no map to be sorted", vq_jname(map));
    VQ_TRY(vq_jcall(x, vq_jmethod(VQ_J_MAP, "items"), "method", map, &none, &pairs));
    VQ_TRY(keep_keys(x, &pairs, &r, &list, &n));
    VQ_TRY(sort(x, &list, n, down));
    VQ_TRY(items_of(x, list, n, &at));
    return vq_jlist(x, at, n, VQ_J_LIST, out);
}

vq_status vq_jsort_map(vq_jrun *x, const vq_jvalue *map, vq_jvalue *out)
{
    vq_jvalue pairs;
    VQ_TRY(sort_pairs(x, map, false, true, false, &pairs));
    vq_jvalue *at = vq_jalloc(x, pairs.list.n, 2 * sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < pairs.list.n; i++)
        memcpy(at + 2 * i, pairs.list.at[i].list.at, 2 * sizeof *at);
    return vq_jlist(x, at, pairs.list.n, VQ_J_MAP, out);
}

static bool is_text(const vq_jvalue *v, const char *s)
{
    return v->kind == VQ_J_STRING && v->text.n == strlen(s) && memcmp(v->text.s, s, v->text.n) == 0;
}

static vq_status filter_dictsort(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    const bool by_value = arg[1] && is_text(arg[1], "value");
    if (arg[1] && !by_value && !is_text(arg[1], "key"))
        return vq_jfail(x, "dictsort goes by \"key\" or by \"value\"");
    return sort_pairs(x, v, by_value, arg[0] && vq_jtruth(arg[0]), arg[2] && vq_jtruth(arg[2]),
                      out);
}

static vq_status filter_unique(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    const key_rule r = rule_of(arg[1], arg[0]);
    keyed *list;
    vq_jvalue *at;
    size_t n, kept = 0;
    VQ_TRY(keep_keys(x, v, &r, &list, &n));
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        if ((list[i].key.kind == VQ_J_LIST && !list[i].key.tuple) || list[i].key.kind == VQ_J_MAP)
            return vq_jfail(x, "unique of %s", vq_jname(&list[i].key));
        for (size_t k = 0; !known && k < kept; k++)
            VQ_TRY(vq_jequal(x, &list[k].key, &list[i].key, &known));
        if (!known) list[kept++] = list[i];
    }
    VQ_TRY(items_of(x, list, kept, &at));
    return vq_jlazy(x, at, kept, out);
}

/* The n items from `list` on that have the same key, as a pair: key, list of them. */
static vq_status make_group(vq_jrun *x, const keyed *list, size_t n, const key_rule *r,
                            vq_jvalue *out)
{
    vq_jvalue *at, *pair = vq_jalloc(x, 2, sizeof *pair);
    const key_rule as_written = {.attribute = r->attribute, .other = r->other, .exact = true};
    if (!pair) return x->e->status;
    VQ_TRY(items_of(x, list, n, &at));
    VQ_TRY(key_of(x, &list[0].item, &as_written, &pair[0]));
    VQ_TRY(vq_jlist(x, at, n, VQ_J_LIST, &pair[1]));
    VQ_TRY(vq_jlist(x, pair, 2, VQ_J_LIST, out));
    out->tuple = out->group = true;
    return VQ_OK;
}

static vq_status filter_groupby(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    key_rule r = rule_of(arg[0], arg[2]);
    keyed *list;
    size_t n, groups = 0;
    r.other = arg[1] && arg[1]->kind != VQ_J_NONE ? arg[1] : NULL;
    VQ_TRY(keep_keys(x, v, &r, &list, &n));
    VQ_TRY(sort(x, &list, n, false));
    vq_jvalue *at = vq_jalloc(x, n, sizeof *at);
    if (!at) return x->e->status;
    for (size_t from = 0, to = 0; from < n; from = to) {
        bool same = true;
        for (to = from + 1; to < n; to++) {
            VQ_TRY(vq_jequal(x, &list[from].key, &list[to].key, &same));
            if (!same) break;
        }
        VQ_TRY(make_group(x, list + from, to - from, &r, &at[groups++]));
    }
    return vq_jlist(x, at, groups, VQ_J_LIST, out);
}

static vq_status extreme(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, int wanted,
                         vq_jvalue *out)
{
    const key_rule r = rule_of(arg[1], arg[0]);
    keyed *list;
    size_t n, best = 0;
    VQ_TRY(keep_keys(x, v, &r, &list, &n));
    for (size_t i = 1; i < n; i++) {
        int order;
        VQ_TRY(vq_jless(x, &list[i].key, &list[best].key, &order));
        if (order == wanted) best = i;
    }
    *out = n ? list[best].item
             : (vq_jvalue){.kind = VQ_J_UNDEFINED, .text = {.s = "an item of nothing", .n = 18}};
    return VQ_OK;
}

static vq_status filter_min(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return extreme(x, v, arg, -1, out);
}

static vq_status filter_max(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return extreme(x, v, arg, 1, out);
}

const vq_jbuiltin vq_jsort_filters[] = {
    {"sort", filter_sort, {"reverse", "case_sensitive", "attribute"}, 0},
    {"dictsort", filter_dictsort, {"case_sensitive", "by", "reverse"}, 0},
    {"unique", filter_unique, {"case_sensitive", "attribute"}, 0},
    {"groupby", filter_groupby, {"attribute", "default", "case_sensitive"}, 1},
    {"min", filter_min, {"case_sensitive", "attribute"}, 0},
    {"max", filter_max, {"case_sensitive", "attribute"}, 0},
    {NULL, NULL, {NULL}, 0},
};
