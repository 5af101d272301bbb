/* jinja_eval.c -- the value of an expression of a chat template. */
#include <string.h>

#include "jinja/jinja.h"

typedef vq_status (*evaluator)(vq_jrun *x, const vq_jnode *n, vq_jvalue *out);

static vq_status eval_const(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    (void)x;
    *out = *n->value;
    return VQ_OK;
}

static vq_jvalue undefined(const char *name)
{
    return (vq_jvalue){.kind = VQ_J_UNDEFINED, .text = {.s = name, .n = strlen(name)}};
}

static vq_status refuse_undefined(vq_jrun *x, const vq_jvalue *v)
{
    return vq_jfail(x, "\"%.*s\" is undefined", (int)(v->text.n < 80 ? v->text.n : 80), v->text.s);
}

static vq_status eval_name(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    const vq_jvalue *v = vq_jlookup(x, x->frame, n->name, true);
    *out = v ? *v : undefined(n->name);
    return vq_jspend(x, 0);
}

/* The values of siblings; of arguments those on their left side. */
static vq_status eval_list(vq_jrun *x, const vq_jnode *first, vq_jvalue **at, size_t *n)
{
    *n = 0;
    for (const vq_jnode *i = first; i; i = i->next) ++*n;
    *at = vq_jalloc(x, *n, sizeof **at);
    if (!*at) return x->e->status;
    size_t k = 0;
    for (const vq_jnode *i = first; i; i = i->next)
        VQ_TRY(vq_jeval(x, i->kind == VQ_JN_ARGUMENT ? i->left : i, &(*at)[k++]));
    return VQ_OK;
}

static vq_status eval_items(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue *at;
    size_t count;
    VQ_TRY(eval_list(x, n->list, &at, &count));
    VQ_TRY(vq_jlist(x, at, count, VQ_J_LIST, out));
    out->tuple = n->kind == VQ_JN_TUPLE;
    return VQ_OK;
}

static vq_status eval_map(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    size_t count = 0, k = 0;
    for (const vq_jnode *i = n->list; i; i = i->next) count++;
    vq_jvalue *at = vq_jalloc(x, count, 2 * sizeof *at);
    if (!at) return x->e->status;
    *out = (vq_jvalue){.kind = VQ_J_MAP, .list = {.at = at}};
    for (const vq_jnode *i = n->list; i; i = i->next) {
        vq_jvalue key, value;
        VQ_TRY(vq_jeval(x, i->left, &key));
        VQ_TRY(vq_jeval(x, i->right, &value));
        if (key.kind != VQ_J_STRING) return vq_jfail(x, "%s as the key of a map", vq_jname(&key));
        out->list.n = k;
        const vq_jvalue *known = vq_jmember(x, out, key.text.s, key.text.n);
        const size_t place = known ? (size_t)(known - at) / 2 : k++;
        at[2 * place] = key;
        at[2 * place + 1] = value;
        VQ_TRY(vq_jspend(x, k));
    }
    return vq_jlist(x, at, k, VQ_J_MAP, out);
}

/* Members of `loop`. */
static bool loop_member(const vq_jloop *l, const char *name, vq_jvalue *out)
{
    const int64_t i = (int64_t)l->i, n = (int64_t)l->n;
    const struct {
        const char *name;
        vq_jvalue value;
    } members[] = {{"index0", vq_jint(i)},
                   {"index", vq_jint(i + 1)},
                   {"first", vq_jbool(i == 0)},
                   {"last", vq_jbool(i + 1 == n)},
                   {"length", vq_jint(n)},
                   {"revindex", vq_jint(n - i)},
                   {"revindex0", vq_jint(n - i - 1)},
                   {"depth", vq_jint(l->depth)},
                   {"depth0", vq_jint(l->depth - 1)},
                   {"previtem", i > 0 ? l->at[i - 1] : undefined("loop.previtem")},
                   {"nextitem", i + 1 < n ? l->at[i + 1] : undefined("loop.nextitem")}};
    for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
        if (strcmp(name, members[k].name) != 0) continue;
        *out = members[k].value;
        return true;
    }
    return false;
}

static const vq_jvalue *pair_member(const vq_jvalue *v, const char *name, size_t n)
{
    if (n == 7 && memcmp(name, "grouper", n) == 0) return &v->list.at[0];
    return n == 4 && memcmp(name, "list", n) == 0 ? &v->list.at[1] : NULL;
}

static vq_status attribute(vq_jrun *x, const vq_jvalue *v, const char *name, vq_jvalue *out)
{
    *out = undefined(name);
    if (v->kind == VQ_J_UNDEFINED) return refuse_undefined(x, v);
    if (vq_jmethod_name(v->kind, name))
        return vq_jfail(x, "\"%s\" is a method: call it, or write ['%s'] for a member", name, name);
    if (v->kind == VQ_J_LOOP) (void)loop_member(v->loop, name, out);
    const vq_jvalue *member = NULL;
    if (v->group) member = pair_member(v, name, strlen(name));
    if (v->kind == VQ_J_MAP) member = vq_jmember(x, v, name, strlen(name));
    if (v->kind == VQ_J_SPACE) member = vq_jlookup(x, v->space, name, false);
    if (member) *out = *member;
    return vq_jspend(x, v->kind == VQ_J_MAP ? v->list.n : 0);
}

static vq_status eval_attribute(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->left, &v));
    x->line = n->line;
    return attribute(x, &v, n->name, out);
}

vq_status vq_jitem(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *key, vq_jvalue *out)
{
    int64_t count;
    const bool map = v->kind == VQ_J_MAP;
    *out = undefined("the item");
    if (v->kind == VQ_J_UNDEFINED) return refuse_undefined(x, v);
    if (key->kind == VQ_J_STRING) {
        const vq_jvalue *member = map        ? vq_jmember(x, v, key->text.s, key->text.n)
                                  : v->group ? pair_member(v, key->text.s, key->text.n)
                                             : NULL;
        *out = member ? *member : (vq_jvalue){.kind = VQ_J_UNDEFINED, .text = key->text};
        return vq_jspend(x, map ? v->list.n : 0);
    }
    if (v->lazy || (v->kind != VQ_J_LIST && v->kind != VQ_J_STRING) ||
        (key->kind != VQ_J_INT && key->kind != VQ_J_BOOL))
        return VQ_OK;
    VQ_TRY(vq_jlength(x, v, &count));
    const int64_t place = key->i < 0 ? key->i + count : key->i;
    if (place < 0 || place >= count) return VQ_OK;
    *out = v->kind == VQ_J_LIST ? v->list.at[place] : vq_jpart(*v, place, place + 1);
    return VQ_OK;
}

static vq_status eval_item(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v, key;
    VQ_TRY(vq_jeval(x, n->left, &v));
    VQ_TRY(vq_jeval(x, n->right, &key));
    x->line = n->line;
    return vq_jitem(x, &v, &key, out);
}

/* One end of a slice, brought within [low, high]; absent: def. */
static vq_status slice_end(vq_jrun *x, const vq_jnode *n, int64_t count, int64_t low, int64_t high,
                           int64_t def, int64_t *end)
{
    vq_jvalue v = {.kind = VQ_J_NONE};
    if (n->kind != VQ_JN_ABSENT) VQ_TRY(vq_jeval(x, n, &v));
    *end = def;
    if (v.kind == VQ_J_NONE) return VQ_OK;
    if (v.kind != VQ_J_INT) return vq_jfail(x, "%s as the end of a slice", vq_jname(&v));
    *end = v.i < 0 && v.i >= -count ? v.i + count : v.i;
    *end = *end < low ? low : *end > high ? high : *end;
    return VQ_OK;
}

static vq_status slice_items(vq_jrun *x, const vq_jvalue *v, int64_t from, int64_t to, int64_t step,
                             vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t count, k = 0;
    vq_jbuffer text = {0};
    VQ_TRY(vq_jiterate(x, v, &at, &count));
    vq_jvalue *items = vq_jalloc(x, count, sizeof *items);
    if (!items) return x->e->status;
    for (int64_t i = from; step < 0 ? i > to : i < to; i += step) items[k++] = at[i];
    if (v->kind == VQ_J_LIST) {
        VQ_TRY(vq_jlist(x, items, k, VQ_J_LIST, out));
        out->tuple = v->tuple;
        return VQ_OK;
    }
    for (size_t i = 0; i < k; i++) VQ_TRY(vq_jput(x, &text, items[i].text.s, items[i].text.n));
    *out = vq_jtext(text.s, text.n);
    return VQ_OK;
}

static vq_status eval_slice(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v;
    int64_t len, from, to, step;
    VQ_TRY(vq_jeval(x, n->left, &v));
    x->line = n->line;
    if (v.kind == VQ_J_UNDEFINED) return refuse_undefined(x, &v);
    if (v.lazy || (v.kind != VQ_J_LIST && v.kind != VQ_J_STRING))
        return vq_jfail(x, "a slice of %s", v.lazy ? "a generator" : vq_jname(&v));
    VQ_TRY(vq_jlength(x, &v, &len));
    VQ_TRY(slice_end(x, n->list->next->next, 0, INT32_MIN, INT32_MAX, 1, &step));
    if (step == 0) return vq_jfail(x, "a slice with step 0");
    VQ_TRY(slice_end(x, n->list, len, step < 0 ? -1 : 0, step < 0 ? len - 1 : len,
                     step < 0 ? len - 1 : 0, &from));
    VQ_TRY(slice_end(x, n->list->next, len, step < 0 ? -1 : 0, step < 0 ? len - 1 : len,
                     step < 0 ? -1 : len, &to));
    if (v.kind == VQ_J_LIST || step != 1) return slice_items(x, &v, from, to, step, out);
    *out = vq_jpart(v, from, to);
    return VQ_OK;
}

/* A key as a name, which ends with a NUL. */
static const char *name_of(vq_jrun *x, const vq_jvalue *key)
{
    char *name = vq_jalloc(x, key->text.n + 1, 1);
    if (!name) return NULL;
    if (key->text.n) memcpy(name, key->text.s, key->text.n);
    name[key->text.n] = '\0';
    return name;
}

/* One argument of a call, or those that a *list or a **map stands for. */
static vq_status add_argument(vq_jrun *x, const vq_jnode *node, const vq_jvalue *v, vq_jvalue *at,
                              const char **names, size_t *n)
{
    const size_t count = node->op == VQ_J_EQ ? 1 : v->list.n;
    for (size_t i = 0; i < count; i++, ++*n) {
        const bool map = node->op == VQ_J_POW;
        at[*n] = node->op == VQ_J_EQ ? *v : v->list.at[map ? 2 * i + 1 : i];
        names[*n] = map ? name_of(x, &v->list.at[2 * i]) : node->name;
        if (map && !names[*n]) return x->e->status;
    }
    return vq_jspend(x, count);
}

static vq_status eval_arguments(vq_jrun *x, const vq_jnode *first, vq_jarguments *args)
{
    vq_jvalue *values;
    size_t count, room = 0, k = 0;
    VQ_TRY(eval_list(x, first, &values, &count));
    for (const vq_jnode *i = first; i; i = i->next, k++) {
        if (i->op != VQ_J_EQ && values[k].kind != (i->op == VQ_J_POW ? VQ_J_MAP : VQ_J_LIST))
            return vq_jfail(x, "%s behind a \"*\" of a call", vq_jname(&values[k]));
        room += i->op == VQ_J_EQ ? 1 : values[k].list.n;
    }
    vq_jvalue *at = vq_jalloc(x, room, sizeof *at);
    const char **names = at ? vq_jalloc(x, room, sizeof *names) : NULL;
    if (!names) return x->e->status;
    args->n = 0;
    for (const vq_jnode *i = first; i; i = i->next)
        VQ_TRY(add_argument(x, i, values++, at, names, &args->n));
    args->at = at;
    args->names = names;
    return VQ_OK;
}

static vq_status eval_filter(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v;
    vq_jarguments args;
    const bool filter = n->kind == VQ_JN_FILTER;
    VQ_TRY(vq_jeval(x, n->left, &v));
    VQ_TRY(eval_arguments(x, n->list, &args));
    x->line = n->line;
    return vq_jcall(x, filter ? vq_jfilter(n->name) : vq_jtest(n->name), filter ? "filter" : "test",
                    &v, &args, out);
}

static vq_status call_method(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v, member;
    vq_jarguments args;
    VQ_TRY(vq_jeval(x, n->left->left, &v));
    x->line = n->line;
    if (v.kind == VQ_J_UNDEFINED) return refuse_undefined(x, &v);
    const vq_jbuiltin *m = vq_jmethod(v.kind, n->left->name);
    if (!m) {
        VQ_TRY(attribute(x, &v, n->left->name, &member));
        VQ_TRY(eval_arguments(x, n->list, &args));
        if (member.kind == VQ_J_MACRO) return member.macro->call(x, member.macro, &args, out);
        if (member.kind == VQ_J_UNDEFINED)
            return vq_jfail(x, "the method \"%s\" of %s is not supported", n->left->name,
                            vq_jname(&v));
        return vq_jfail(x, "%s is called", vq_jname(&member));
    }
    VQ_TRY(eval_arguments(x, n->list, &args));
    return vq_jcall(x, m, "method", &v, &args, out);
}

static vq_status eval_call(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue f;
    vq_jarguments args;
    if (n->left->kind == VQ_JN_ATTRIBUTE) return call_method(x, n, out);
    VQ_TRY(vq_jeval(x, n->left, &f));
    VQ_TRY(eval_arguments(x, n->list, &args));
    x->line = n->line;
    if (f.kind == VQ_J_MACRO) return f.macro->call(x, f.macro, &args, out);
    if (f.kind == VQ_J_LOOP && f.loop->call && args.n == 1)
        return f.loop->call(x, f.loop, &args.at[0], out);
    if (f.kind == VQ_J_UNDEFINED && n->left->kind == VQ_JN_NAME)
        return vq_jglobal(x, n->left->name, &args, out);
    return vq_jfail(x, "%s is called", vq_jname(&f));
}

static vq_status eval_not(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->left, &v));
    *out = vq_jbool(!vq_jtruth(&v));
    return VQ_OK;
}

static vq_status eval_negate(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    VQ_TRY(vq_jeval(x, n->left, out));
    if (out->kind == VQ_J_REAL) {
        out->r = n->op == VQ_J_ADD ? out->r : -out->r;
        return VQ_OK;
    }
    if ((out->kind != VQ_J_INT && out->kind != VQ_J_BOOL) || out->i == INT64_MIN)
        return vq_jfail(x, "a sign before %s", vq_jname(out));
    *out = vq_jint(n->op == VQ_J_ADD ? out->i : -out->i);
    return VQ_OK;
}

/* Gives the operand that decided. */
static vq_status eval_logic(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    VQ_TRY(vq_jeval(x, n->left, out));
    return vq_jtruth(out) == (n->op == VQ_J_OR) ? VQ_OK : vq_jeval(x, n->right, out);
}

static vq_status compare(vq_jrun *x, vq_jop op, const vq_jvalue *a, const vq_jvalue *b, bool *yes)
{
    int order;
    if (op == VQ_J_EQ || op == VQ_J_NE) {
        VQ_TRY(vq_jequal(x, a, b, yes));
        *yes = *yes == (op == VQ_J_EQ);
        return VQ_OK;
    }
    if (op == VQ_J_IN || op == VQ_J_NOT_IN) {
        VQ_TRY(vq_jcontains(x, b, a, yes));
        *yes = *yes == (op == VQ_J_IN);
        return VQ_OK;
    }
    VQ_TRY(vq_jless(x, a, b, &order));
    *yes = op == VQ_J_LT   ? order < 0
           : op == VQ_J_LE ? order <= 0
           : op == VQ_J_GT ? order > 0
                           : order >= 0;
    return VQ_OK;
}

static vq_status eval_compare(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue left, right;
    bool yes = true;
    VQ_TRY(vq_jeval(x, n->left, &left));
    for (const vq_jnode *term = n->list; yes && term; term = term->next) {
        VQ_TRY(vq_jeval(x, term->left, &right));
        x->line = n->line;
        VQ_TRY(compare(x, term->op, &left, &right, &yes));
        left = right;
    }
    *out = vq_jbool(yes);
    return VQ_OK;
}

static vq_status eval_concat(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue left, right;
    vq_jbuffer b = {0};
    VQ_TRY(vq_jeval(x, n->left, &left));
    VQ_TRY(vq_jeval(x, n->right, &right));
    x->line = n->line;
    VQ_TRY(vq_jprint(x, &b, &left));
    VQ_TRY(vq_jprint(x, &b, &right));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status eval_condition(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->right, &v));
    *out = undefined("the other case");
    if (vq_jtruth(&v)) return vq_jeval(x, n->left, out);
    return n->third ? vq_jeval(x, n->third, out) : VQ_OK;
}

static vq_status eval_arithmetic(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jvalue left = {0}, right = {0};
    VQ_TRY(vq_jeval(x, n->left, &left));
    VQ_TRY(vq_jeval(x, n->right, &right));
    x->line = n->line;
    if (left.kind == VQ_J_UNDEFINED) return refuse_undefined(x, &left);
    if (right.kind == VQ_J_UNDEFINED) return refuse_undefined(x, &right);
    return vq_jarithmetic(x, n->op, &left, &right, out);
}

static vq_status eval_body(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    return vq_jcapture(x, n->list, out);
}

vq_status vq_jeval(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    static const evaluator evaluators[VQ_JN_KINDS] = {
        [VQ_JN_CONST] = eval_const,
        [VQ_JN_NAME] = eval_name,
        [VQ_JN_LIST] = eval_items,
        [VQ_JN_TUPLE] = eval_items,
        [VQ_JN_MAP] = eval_map,
        [VQ_JN_ITEM] = eval_item,
        [VQ_JN_ATTRIBUTE] = eval_attribute,
        [VQ_JN_SLICE] = eval_slice,
        [VQ_JN_CALL] = eval_call,
        [VQ_JN_FILTER] = eval_filter,
        [VQ_JN_TEST] = eval_filter,
        [VQ_JN_NOT] = eval_not,
        [VQ_JN_NEGATE] = eval_negate,
        [VQ_JN_AND] = eval_logic,
        [VQ_JN_OR] = eval_logic,
        [VQ_JN_COMPARE] = eval_compare,
        [VQ_JN_ARITHMETIC] = eval_arithmetic,
        [VQ_JN_CONCAT] = eval_concat,
        [VQ_JN_CONDITION] = eval_condition,
        [VQ_JN_BODY] = eval_body,
        [VQ_JN_CALLER] = vq_jclosure,
    };
    x->line = n->line;
    if (++x->depth > VQ_J_DEPTH)
        return vq_jfail(x, "expressions, blocks and calls are nested more than %d deep",
                        VQ_J_DEPTH);
    VQ_TRY(vq_jspend(x, VQ_J_STEP));
    VQ_TRY(evaluators[n->kind](x, n, out));
    x->depth--;
    return VQ_OK;
}
