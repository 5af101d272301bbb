/* jinja_tests.c -- what {{ value is test }} asks. */
#include <string.h>

#include "jinja/jinja.h"

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

static const vq_jbuiltin tests[] = {
    {"defined", is_defined, {NULL}, 0},   {"undefined", is_undefined, {NULL}, 0},
    {"none", is_none, {NULL}, 0},         {"string", is_string, {NULL}, 0},
    {"mapping", is_mapping, {NULL}, 0},   {"iterable", is_iterable, {NULL}, 0},
    {"sequence", is_iterable, {NULL}, 0}, {"number", is_number, {NULL}, 0},
    {"integer", is_integer, {NULL}, 0},   {"float", is_float, {NULL}, 0},
    {"boolean", is_boolean, {NULL}, 0},   {"true", is_true, {NULL}, 0},
    {"false", is_false, {NULL}, 0},       {"even", is_even, {NULL}, 0},
    {"odd", is_odd, {NULL}, 0},           {"divisibleby", is_divisible, {"num"}, 1},
    {"equalto", is_equal, {"other"}, 1},  {"eq", is_equal, {"other"}, 1},
    {"==", is_equal, {"other"}, 1},       {"ne", is_other, {"other"}, 1},
    {"!=", is_other, {"other"}, 1},       {"in", is_in, {"seq"}, 1},
};

const vq_jbuiltin *vq_jtest(const char *name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(tests[i].name, name) == 0) return &tests[i];
    return NULL;
}
