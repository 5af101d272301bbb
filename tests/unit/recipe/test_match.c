/* test_match.c -- patterns against whole names, and the last matching rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "recipe/match.h"
#include "recipe/recipe.h"

static void test_globs(void **state)
{
    static const struct {
        const char *glob, *name;
        bool match;
    } cases[] = {
        {"attn.*", "attn.q", true},
        {"attn.*", "attn", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"*norm*", "x.norm", true},
        {"*norm*", "nor", false},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxbyy", false},
        {"**a", "bba", true},
        {"*a", "aab", false},
        {"a.c", "abc", false},
        {"*.gate", "mlp.gate", true},
        {"*.gate", "mlp.gate_proj", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(vq_glob_match(cases[i].glob, cases[i].name), cases[i].match);
}

/* Many stars against a long name without a match: quadratic, not exponential. */
static void test_glob_is_fast(void **state)
{
    char glob[201], name[2001];
    (void)state;
    for (int i = 0; i < 200; i += 2) memcpy(glob + i, "*a", 2);
    glob[200] = '\0';
    memset(name, 'a', 2000);
    name[2000] = '\0';
    assert_true(vq_glob_match(glob, name));
    name[1999] = 'b';
    assert_false(vq_glob_match(glob, name));
}

static bool matches(const char *pattern, const char *name)
{
    vq_err e = {0};
    bool yes;
    if (vq_pattern_match(pattern, name, &yes, &e) != VQ_OK) fail_msg("%s", e.text);
    return yes;
}

static void test_regex(void **state)
{
    vq_err e;
    (void)state;
    bool yes;
    assert_true(matches("re:model\\.layers\\.[0-3]\\..*_proj", "model.layers.2.mlp.up_proj"));
    assert_false(matches("re:layers", "model.layers.2"));
    assert_false(matches("re:model", "model.layers"));
    assert_true(matches("re:a|ab", "ab"));
    assert_int_equal(vq_pattern_check("re:a(", &e), VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "byte 2"));
    assert_int_equal(vq_pattern_check("a(", &e), VQ_OK);
    assert_int_equal(
        vq_pattern_match("re:(?:(?:.+)+z|.*q_proj.*)", "model.layers.0.self_attn.q_proj", &yes, &e),
        VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "too many steps"));
    assert_false(yes);
}

static int decided(const vq_recipe *r, const char *role, const char *name, int layer)
{
    vq_err e = {0};
    int rule = -9;
    if (vq_recipe_decide(r, role, name, layer, &rule, &e) != VQ_OK) fail_msg("%s", e.text);
    return rule;
}

static void test_decide(void **state)
{
    const char *attn[] = {"attn.*"}, *up[] = {"re:.*up_proj", "*.down_proj"};
    vq_rule_recipe rules[] = {
        {.layer_first = -1, .layer_last = -1},
        {.roles = attn, .nroles = 1, .layer_first = 0, .layer_last = 1},
        {.names = up, .nnames = 2, .layer_first = -1, .layer_last = -1},
        {.roles = attn, .nroles = 1, .names = up, .nnames = 2, .layer_first = -1, .layer_last = -1},
        {.layer_first = 7, .layer_last = INT_MAX},
    };
    vq_recipe r = {.rules = rules, .nrules = 5};
    (void)state;
    assert_int_equal(decided(&r, "attn.q", "model.layers.0.self_attn.q_proj", 0), 1);
    assert_int_equal(decided(&r, "attn.q", "model.layers.2.self_attn.q_proj", 2), 0);
    assert_int_equal(decided(&r, "mlp.up", "model.layers.2.mlp.up_proj", 2), 2);
    assert_int_equal(decided(&r, "attn.q", "x.down_proj", 2), 3);
    assert_int_equal(decided(&r, "mlp.up", "x", 1000), 4);
    assert_int_equal(decided(&r, "attn.q", "x", -1), 0);
    r.rules++;
    r.nrules = 1;
    assert_int_equal(decided(&r, "mlp.up", "x", 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_glob_is_fast),
        cmocka_unit_test(test_regex),
        cmocka_unit_test(test_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
