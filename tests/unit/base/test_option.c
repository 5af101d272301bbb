/* test_option.c -- typed options: defaults, parsing, messages, nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/option.h"
#include "show.h"

static const vq_option table[] = {
    {"steps", VQ_OPT_INT, "20", 1, 1000, NULL, "how many"},
    {"damp", VQ_OPT_REAL, "0.01", 0, 1, NULL, "how much"},
    {"order", VQ_OPT_BOOL, "false", 0, 0, NULL, "sorted or not"},
    {"count", VQ_OPT_CHOICE, "paper", 0, 0, "official|paper|none", "which rule"},
    {0},
};
static const vq_option nothing[] = {{0}};

static void fills_defaults(void **state)
{
    (void)state;
    vq_option_set s;
    vq_option_defaults(&s, table);
    assert_int_equal(vq_option_get(&s, "steps")->i, 20);
    assert_eq(vq_option_get(&s, "damp")->r, 0.01);
    assert_false(vq_option_get(&s, "order")->b);
    assert_string_equal(vq_option_get(&s, "count")->s, "paper");
    assert_true(vq_option_is(&s, "count", "paper") && !vq_option_is(&s, "count", "official"));
    assert_null(vq_option_get(&s, "other"));
    vq_option_defaults(&s, NULL);
    assert_null(vq_option_get(&s, "steps"));
}

static void parses_each_type(void **state)
{
    (void)state;
    vq_option_set s;
    vq_err e = {0};
    vq_option_defaults(&s, table);
    assert_int_equal(vq_option_parse(&s, "steps", "1000", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, "damp", "5e-1", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, "order", "true", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, "count", "official", &e), VQ_OK);
    assert_int_equal(s.value[0].i, 1000);
    assert_eq(s.value[1].r, 0.5);
    assert_true(s.value[2].b);
    assert_string_equal(s.value[3].s, "official");
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *message;
    } rows[] = {
        {"steps", "", "steps: '' is not a whole number"},
        {"steps", "3x", "steps: '3x' is not a whole number"},
        {"steps", "2.5", "steps: '2.5' is not a whole number"},
        {"steps", "0", "steps: 0 is outside 1 ... 1000"},
        {"steps", "99999999999999999999", "steps: 99999999999999999999 is outside 1 ... 1000"},
        {"damp", "much", "damp: 'much' is not a number"},
        {"damp", "nan", "damp: 'nan' is not a number"},
        {"damp", "inf", "damp: inf is outside 0 ... 1"},
        {"damp", "1.5", "damp: 1.5 is outside 0 ... 1"},
        {"order", "yes", "order: 'yes' is neither true nor false"},
        {"count", "pap", "count: 'pap' is none of official|paper|none"},
        {"count", "paper|none", "count: 'paper|none' is none of official|paper|none"},
        {"count", "", "count: '' is none of official|paper|none"},
        {"stesp", "1", "unknown option 'stesp'; did you mean 'steps'?"},
        {"quality", "1", "unknown option 'quality'"},
    };
    vq_option_set s;
    vq_option_defaults(&s, table);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vq_err e = {0};
        assert_int_equal(vq_option_parse(&s, rows[i].name, rows[i].text, &e), VQ_E_RECIPE);
        assert_string_equal(e.text, rows[i].message);
    }
    assert_int_equal(s.value[0].i, 20); /* a refused value changes nothing */
    vq_err e = {0};
    vq_option_defaults(&s, nothing);
    assert_int_equal(vq_option_parse(&s, "steps", "1", &e), VQ_E_RECIPE);
    assert_string_equal(e.text, "unknown option 'steps': there are no options here");
}

static void finds_the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"nvfp4", "mxfp4", "int4-g128", "weight", "activation"};
    assert_string_equal(vq_nearest("nvpf4", names, 5), "nvfp4");
    assert_string_equal(vq_nearest("wieght", names, 5), "weight");
    assert_string_equal(vq_nearest("int4g128", names, 5), "int4-g128");
    assert_string_equal(vq_nearest("activations", names, 5), "activation");
    assert_null(vq_nearest("zzzzzz", names, 5));
    assert_null(vq_nearest("weight", names, 0));
    char name[200];
    memset(name, 'a', 199);
    name[199] = 0;
    assert_null(vq_nearest(name, names, 5));
    const char *const longest[] = {name};
    assert_null(vq_nearest("aaa", longest, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_defaults),
        cmocka_unit_test(parses_each_type),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(finds_the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
