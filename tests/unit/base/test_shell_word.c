/* test_shell_word.c -- what bash makes of a quoted word, and what the quoting makes of its own. */
#include "base/shell_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"

static const char *const words[] = {"caf\xe9",
                                    "\xff\xfe",
                                    "a'b\\\xc3",
                                    "\\x41\xff",
                                    "\\\\x41\xff",
                                    "\n\t\x7f\x01",
                                    "-x \xff$'",
                                    ("gr\xc3\xbc\xff"
                                     "9"),
                                    "$'a\\xff'"};
enum { WORDS = sizeof words / sizeof *words };

static void test_back(void **state)
{
    (void)state;
    for (int i = 0; i < WORDS; i++) {
        char text[64];
        const size_t n = vq_shell_word(text, sizeof text, words[i]);
        assert_eq(n, strlen(text));
        assert_eq(vq_shell_word(NULL, 0, words[i]), n);
        assert_true(vq_is_utf8(text));
        assert_true(vq_is_shell_word(text));
        vq_shell_word_back(text);
        assert_string_equal(text, words[i]);
    }
    char plain[] = "$5 isn\\x41";
    vq_shell_word_back(plain);
    assert_string_equal(plain, "$5 isn\\x41");
}

/* The shell is asked: what printf of bash gets. */
static void test_bash(void **state)
{
    (void)state;
    for (int i = 0; i < WORDS; i++) {
        char text[64], line[256], got[64] = "";
        (void)vq_shell_word(text, sizeof text, words[i]);
        snprintf(line, sizeof line, "bash <<'END_OF_LINE'\nprintf %%s %s\nEND_OF_LINE\n", text);
        FILE *p = popen(line, "r");
        assert_non_null(p);
        got[fread(got, 1, sizeof got - 1, p)] = '\0';
        assert_eq(pclose(p), 0);
        assert_string_equal(got, words[i]);
    }
}

static void test_short_room(void **state)
{
    char text[6] = "xxxxx";
    (void)state;
    assert_eq(vq_shell_word(text, sizeof text, "ab\xff"), strlen("$'ab\\xff'"));
    assert_string_equal(text, "$'ab\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_back), cmocka_unit_test(test_bash),
                                       cmocka_unit_test(test_short_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
