/* test_json_lines.c -- lines and their numbers, and every way in which a line can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "text/json_lines.h"

static void test_lines(void **state)
{
    static const char text[] = "\xef\xbb\xbf{\"a\":1}\r\n\n  \t\r\n {\"a\":2} \n{\"a\":3}";
    static const size_t numbers[] = {1, 4, 5};
    vq_arena a;
    vq_json_lines l;
    (void)state;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_json_lines_find(&l, "f", text, sizeof text - 1, &a, NULL), VQ_OK);
    assert_int_equal(l.count, 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *v;
        assert_int_equal(vq_json_line(&l, i, &v, NULL), VQ_OK);
        assert_int_equal(json_integer_value(json_object_get(v, "a")), i + 1);
        assert_int_equal(l.lines[i].number, numbers[i]);
        json_decref(v);
    }
    vq_arena_done(&a);
}

static void test_nothing(void **state)
{
    static const char *const empty[] = {"", "\n", " \r\n\t\n", "\xef\xbb\xbf"};
    (void)state;
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        vq_arena a;
        vq_json_lines l;
        vq_arena_init(&a, NULL);
        assert_int_equal(vq_json_lines_find(&l, "f", empty[i], strlen(empty[i]), &a, NULL), VQ_OK);
        assert_int_equal(l.count, 0);
        vq_arena_done(&a);
    }
}

static void expect_bad(const char *text, size_t len, const char *cause)
{
    vq_arena a;
    vq_json_lines l;
    vq_err e = {0};
    json_t *v;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_json_lines_find(&l, "f.jsonl", text, len, &a, &e), VQ_OK);
    assert_int_equal(vq_json_line(&l, l.count - 1, &v, &e), VQ_E_INPUT);
    assert_null(v);
    if (strncmp(e.text, cause, strlen(cause)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", e.text, cause);
    vq_arena_done(&a);
}

static void test_bad_lines(void **state)
{
    static const struct {
        const char *text, *cause;
    } bad[] = {
        {"{}\n[1]\n", "f.jsonl:2 > the line is no JSON object"},
        {"\"text\"", "f.jsonl:1 > the line is no JSON object"},
        {"{}\n\n{\"a\":", "f.jsonl:3 > broken JSON at byte "},
        {"{} {}", "f.jsonl:1 > broken JSON at byte "},
        {"{\"a\":1,\"a\":2}", "f.jsonl:1 > broken JSON at byte "},
        {"{\"a\":\"\\u0000\"}", "f.jsonl:1 > broken JSON at byte 13: \\u0000 stands in a text"},
        {"{\"\\u0000\":1}", "f.jsonl:1 > broken JSON at byte 9: \\u0000 stands in a text"},
        {"{\"a\":\"\xff\"}", "f.jsonl:1 > the line is not UTF-8 at byte 6"},
        {"{\"a\":1e999}", "f.jsonl:1 > broken JSON at byte "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_bad(bad[i].text, strlen(bad[i].text), bad[i].cause);
    expect_bad("{\"a\":\"\0\"}", 9, "f.jsonl:1 > broken JSON at byte ");
}

static void test_long_line(void **state)
{
    const size_t n = VQ_JSON_LINE_MAX + 1;
    char *text = malloc(n);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', n);
    expect_bad(text, n, "f.jsonl:1 > the line is 16777217 bytes long (at most 16777216)");
    memset(text, '[', 100000);
    expect_bad(text, 100000, "f.jsonl:1 > broken JSON at byte ");
    free(text);
}

static void test_likely(void **state)
{
    static const char *const yes[] = {"{\"text\":\"a\"}",
                                      "\xef\xbb\xbf\n \r\n{\"messages\":[]}\nx"},
                             *const no[] = {"",          "\n", "a {\"text\":1}", "[{\"text\":1}]",
                                            "{\"a\":1}", "{",  "{\"text\":\n1}"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(vq_json_lines_likely(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(vq_json_lines_likely(no[i], strlen(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_nothing), cmocka_unit_test(test_likely),
        cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_long_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
