/* test_finish.c -- finishing passes: found by name, and what the options of tune mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quant/finish.h"
#include "show.h"

static void test_table(void **state)
{
    (void)state;
    assert_ptr_equal(vq_finish_find("tune"), &vq_finish_tune);
    assert_ptr_equal(vq_finish_at(0), &vq_finish_tune);
    assert_null(vq_finish_at(1));
    assert_null(vq_finish_find("rtn"));
}

static void test_tune_options(void **state)
{
    (void)state;
    vq_option_set s;
    vq_err e;
    vq_option_defaults(&s, vq_finish_tune.options);
    vq_tune_options o = vq_tune_options_of(&s);
    assert_true(o.vectors);
    assert_true(o.scales);
    assert_eq(o.steps, 80);
    assert_eq(o.tokens, 512);
    assert_eq(o.rate, 0.001);
    assert_int_equal(vq_option_parse(&s, "what", "norms", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&s, "steps", "3", &e), VQ_OK);
    o = vq_tune_options_of(&s);
    assert_true(o.vectors);
    assert_true(!o.scales);
    assert_eq(o.steps, 3);
    assert_int_equal(vq_option_parse(&s, "what", "scales", &e), VQ_OK);
    o = vq_tune_options_of(&s);
    assert_true(!o.vectors && o.scales);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_tune_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
