/* test_utf8.c -- good and bad sequences of the Unicode standard (table 3-7), each with the byte
 * where it breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "text/utf8.h"

static void test_good(void **state)
{
    static const char *const good[] = {"",
                                       "a\n\x7f",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(vq_utf8_check(good[i], strlen(good[i]), "x", NULL), VQ_OK);
    assert_int_equal(vq_utf8_check("a\0b", 3, "x", NULL), VQ_OK);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        int at;
    } bad[] = {{"\x80", 0},
               {"ab\xff", 2},
               {"\xc1\xbf", 0},
               {"\xe0\x9f\xbf", 0},
               {"a\xed\xa0\x80", 1},
               {"\xf0\x8f\xbf\xbf", 0},
               {"\xf4\x90\x80\x80", 0},
               {"\xc3\xa9\xe4\xb8", 2},
               {"\xc3(", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_err e;
        char expected[64];
        assert_int_equal(vq_utf8_check(bad[i].text, strlen(bad[i].text), "the line", &e),
                         VQ_E_INPUT);
        snprintf(expected, sizeof expected, "the line is not UTF-8 at byte %d", bad[i].at);
        assert_string_equal(e.text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
