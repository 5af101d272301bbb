/* jinja_tests.c -- what {{ value is test }} asks. */
#include <string.h>

#include "jinja/jinja.h"

static const char *named(const vq_jvalue *v, char text[32])
{
    if (v->text.n < 32) memcpy(text, v->text.s, v->text.n);
    return text;
}

#define TEST(name, condition)                                                                      \
    static vq_status name(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,             \
                          vq_jvalue *out)                                                          \
    {                                                                                              \
        (void)x, (void)arg;                                                                        \
        *out = vq_jbool(condition);                                                                \
        return VQ_OK;                                                                              \
    }

TEST(is_defined, v->kind != VQ_J_UNDEFINED)
TEST(is_undefined, v->kind == VQ_J_UNDEFINED)
TEST(is_none, v->kind == VQ_J_NONE)
TEST(is_string, v->kind == VQ_J_STRING)
TEST(is_mapping, v->kind == VQ_J_MAP)
TEST(is_number, v->kind == VQ_J_INT || v->kind == VQ_J_REAL || v->kind == VQ_J_BOOL)
TEST(is_integer, v->kind == VQ_J_INT)
TEST(is_float, v->kind == VQ_J_REAL)
TEST(is_boolean, v->kind == VQ_J_BOOL)
TEST(is_true, v->kind == VQ_J_BOOL && v->i)
TEST(is_false, v->kind == VQ_J_BOOL && !v->i)
TEST(is_iterable, v->kind == VQ_J_LIST || v->kind == VQ_J_MAP || v->kind == VQ_J_STRING ||
                      v->kind == VQ_J_UNDEFINED)

TEST(is_sequence, (v->kind == VQ_J_LIST && !v->lazy) || v->kind == VQ_J_MAP ||
                      v->kind == VQ_J_STRING || v->kind == VQ_J_UNDEFINED)
TEST(is_callable, v->kind == VQ_J_MACRO || v->kind == VQ_J_LOOP)
TEST(is_filter, v->kind == VQ_J_STRING && vq_jfilter(named(v, (char[32]){0})))
TEST(is_test, v->kind == VQ_J_STRING && vq_jtest(named(v, (char[32]){0})))

static vq_status parity(vq_jrun *x, const vq_jvalue *v, int64_t rest, vq_jvalue *out)
{
    if (v->kind != VQ_J_INT && v->kind != VQ_J_BOOL)
        return vq_jfail(x, "%s is neither even nor odd", vq_jname(v));
    *out = vq_jbool((v->i & 1) == rest);
    return VQ_OK;
}

static vq_status is_even(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                         vq_jvalue *out)
{
    (void)arg;
    return parity(x, v, 0, out);
}

static vq_status is_odd(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out)
{
    (void)arg;
    return parity(x, v, 1, out);
}

static vq_status is_divisible(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    VQ_TRY(vq_jarithmetic(x, VQ_J_MOD, v, arg[0], out));
    *out = vq_jbool(!vq_jtruth(out));
    return VQ_OK;
}

static vq_status is_equal(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    bool equal;
    VQ_TRY(vq_jequal(x, v, arg[0], &equal));
    *out = vq_jbool(equal);
    return VQ_OK;
}

static vq_status is_other(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    bool equal;
    VQ_TRY(vq_jequal(x, v, arg[0], &equal));
    *out = vq_jbool(!equal);
    return VQ_OK;
}

static vq_status is_in(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out)
{
    bool yes;
    VQ_TRY(vq_jcontains(x, arg[0], v, &yes));
    *out = vq_jbool(yes);
    return VQ_OK;
}

/* order: -1 less, 1 greater; or equal. */
static vq_status ordered(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *other, int wanted,
                         bool equal, vq_jvalue *out)
{
    int order;
    VQ_TRY(vq_jless(x, v, other, &order));
    *out = vq_jbool(order == wanted || (equal && order == 0));
    return VQ_OK;
}

#define ORDER(name, wanted, equal)                                                                 \
    static vq_status name(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,             \
                          vq_jvalue *out)                                                          \
    {                                                                                              \
        return ordered(x, v, arg[0], wanted, equal, out);                                          \
    }

ORDER(is_less, -1, false)
ORDER(is_less_or_equal, -1, true)
ORDER(is_greater, 1, false)
ORDER(is_greater_or_equal, 1, true)

/* {% if x is lower %}: as str.islower() of what x prints. */
static vq_status by_method(vq_jrun *x, const vq_jvalue *v, const char *name, vq_jvalue *out)
{
    const vq_jarguments none = {0};
    vq_jvalue text;
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jcall(x, vq_jmethod(VQ_J_STRING, name), "test", &text, &none, out);
}

static vq_status is_lower(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    (void)arg;
    return by_method(x, v, "islower", out);
}

static vq_status is_upper(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                          vq_jvalue *out)
{
    (void)arg;
    return by_method(x, v, "isupper", out);
}

/* The very same thing: of what has no place of its own, an equal one of its kind. */
static vq_status is_same(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                         vq_jvalue *out)
{
    bool same = false;
    if (v->kind == arg[0]->kind) VQ_TRY(vq_jequal(x, v, arg[0], &same));
    if (v->kind == VQ_J_LIST || v->kind == VQ_J_MAP) same = v->list.at == arg[0]->list.at;
    *out = vq_jbool(same);
    return VQ_OK;
}

static const vq_jbuiltin tests[] = {
    {"defined", is_defined, {NULL}, 0},
    {"undefined", is_undefined, {NULL}, 0},
    {"none", is_none, {NULL}, 0},
    {"string", is_string, {NULL}, 0},
    {"mapping", is_mapping, {NULL}, 0},
    {"iterable", is_iterable, {NULL}, 0},
    {"sequence", is_sequence, {NULL}, 0},
    {"number", is_number, {NULL}, 0},
    {"integer", is_integer, {NULL}, 0},
    {"float", is_float, {NULL}, 0},
    {"boolean", is_boolean, {NULL}, 0},
    {"true", is_true, {NULL}, 0},
    {"false", is_false, {NULL}, 0},
    {"even", is_even, {NULL}, 0},
    {"odd", is_odd, {NULL}, 0},
    {"divisibleby", is_divisible, {"num"}, 1},
    {"equalto", is_equal, {"other"}, 1},
    {"eq", is_equal, {"other"}, 1},
    {"==", is_equal, {"other"}, 1},
    {"ne", is_other, {"other"}, 1},
    {"!=", is_other, {"other"}, 1},
    {"in", is_in, {"seq"}, 1},
    {"lt", is_less, {"other"}, 1},
    {"<", is_less, {"other"}, 1},
    {"lessthan", is_less, {"other"}, 1},
    {"le", is_less_or_equal, {"other"}, 1},
    {"<=", is_less_or_equal, {"other"}, 1},
    {"gt", is_greater, {"other"}, 1},
    {">", is_greater, {"other"}, 1},
    {"greaterthan", is_greater, {"other"}, 1},
    {"ge", is_greater_or_equal, {"other"}, 1},
    {">=", is_greater_or_equal, {"other"}, 1},
    {"lower", is_lower, {NULL}, 0},
    {"upper", is_upper, {NULL}, 0},
    {"sameas", is_same, {"other"}, 1},
    {"callable", is_callable, {NULL}, 0},
    {"filter", is_filter, {NULL}, 0},
    {"test", is_test, {NULL}, 0},
};

const vq_jbuiltin *vq_jtest(const char *name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(tests[i].name, name) == 0) return &tests[i];
    return NULL;
}
