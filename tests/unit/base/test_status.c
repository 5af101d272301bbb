/* test_status.c -- error texts: prefixes, control characters, cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/reporter.h"
#include "base/shell_word.h"
#include "base/status.h"

static void test_path(void **state)
{
    (void)state;
    vq_err e;
    assert_int_equal(vq_fail(&e, VQ_E_LIMIT, "needs %d bytes", 5), VQ_E_LIMIT);
    assert_int_equal(vq_at(&e, "layer %d", 2), VQ_E_LIMIT);
    assert_int_equal(vq_at(&e, "shard 1"), VQ_E_LIMIT);
    assert_string_equal(e.text, "shard 1 > layer 2 > needs 5 bytes");
}

static void test_control_characters(void **state)
{
    (void)state;
    vq_err e;
    (void)vq_fail(&e, VQ_E_INPUT, "tensor \"%s\"", "a\n\x1b[31mb");
    assert_string_equal(e.text, "tensor \"a??[31mb\"");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    vq_err e;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)vq_fail(&e, VQ_E_IO, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    (void)vq_at(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    (void)vq_fail(&e, VQ_E_IO, "path %s: the reason", text);
    assert_memory_equal(e.text, "path x", 6);
    assert_non_null(strstr(e.text, "x...x"));
    (void)vq_at(&e, "model %s", text);
    assert_memory_equal(e.text, "model x", 7);
    assert_string_equal(e.text + strlen(e.text) - 14, "xx: the reason");
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xc3\xa9", 2);
    for (int i = 0; i < 2; i++) { /* both ways that two bytes can lie */
        (void)vq_fail(&e, VQ_E_IO, "%s%s", i ? "a" : "", text);
        assert_true(vq_is_utf8(e.text));
        assert_in_range(strlen(e.text), sizeof e.text - 4, sizeof e.text - 1);
    }
}

static void test_no_error_object(void **state)
{
    (void)state;
    assert_int_equal(vq_fail(NULL, VQ_E_IO, "x"), VQ_E_IO);
}

static void test_forecasts_have_few_digits(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.0003, "under 0.1 s"}, {0.36, "0.4 s"},  {9.49, "9 s"},   {9.6, "10 s"},
                 {23.4, "25 s"},          {57, "55 s"},     {63.2, "1 min"}, {89, "1 min"},
                 {91, "2 min"},           {3600, "60 min"}, {5400, "1.5 h"}, {36000, "10.0 h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[32];
        assert_string_equal(vq_forecast_text(cases[i].seconds, buf), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_no_error_object),
        cmocka_unit_test(test_forecasts_have_few_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
