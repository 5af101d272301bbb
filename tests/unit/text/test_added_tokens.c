/* test_added_tokens.c -- the cuts that added tokens make, written as text|<id>|text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/steps/added_tokens.h"

static vq_status make(vq_added_set *s, const char *json, vq_arena *a, vq_err *e)
{
    json_t *array = json_loads(json, 0, NULL);
    assert_non_null(array);
    vq_added *list;
    size_t n;
    vq_status status = vq_added_parse(array, &list, &n, a, e);
    json_decref(array);
    if (status == VQ_OK) status = vq_added_index(s, list, n, false, a, e);
    return status;
}

static void expect(const char *json, const char *text, const char *want)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_added_set s;
    if (make(&s, json, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    char got[512] = "";
    vq_added_cursor at = {.search = 0};
    size_t start, end;
    int32_t id;
    while (vq_added_next(&s, (const uint8_t *)text, strlen(text), &at, &start, &end, &id)) {
        char piece[128];
        if (id >= 0)
            snprintf(piece, sizeof piece, "<%d>|", id);
        else
            snprintf(piece, sizeof piece, "%.*s|", (int)(end - start), text + start);
        strcat(got, piece);
    }
    assert_string_equal(got, want);
    vq_arena_done(&a);
}

static void test_leftmost_longest(void **state)
{
    (void)state;
    static const char set[] = "[{\"id\":1,\"content\":\"ab\",\"special\":true},{\"id\":2,"
                              "\"content\":\"abcd\",\"special\":true},"
                              "{\"id\":3,\"content\":\"bc\",\"special\":true},{\"id\":4,"
                              "\"content\":\"\",\"special\":true}]";
    expect(set, "", "");
    expect(set, "xyz", "xyz|");
    expect(set, "abcd", "<2>|");
    expect(set, "xabcxbcab", "x|<1>|cx|<3>|<1>|");
    expect(set, "aabca", "a|<1>|ca|");
}

static void test_strip_and_words(void **state)
{
    (void)state;
    static const char set[] = "[{\"id\":1,\"content\":\"L\",\"lstrip\":true,\"special\":true},{"
                              "\"id\":2,\"content\":\"R\",\"rstrip\":true,\"special\":true},"
                              "{\"id\":3,\"content\":\"W\",\"single_word\":true,\"special\":true},{"
                              "\"id\":4,\"content\":\"N\",\"special\":false}]";
    expect(set, "a \u3000 L b", "a|<1>| b|");
    expect(set, "a R \t\n b", "a |<2>|b|");
    expect(set, "R  L", "<2>|<1>|");
    expect(set, " L L", "<1>|<1>|");
    expect(set, "W aW Wa W.\u00e9W W\u0301 _W \u24b6W -W",
           "<3>| aW Wa |<3>|.\u00e9W W\u0301 _W \u24b6W -|<3>|");
    expect(set, "aNb", "aNb|"); /* not special: looked for after normalization */
}

static void test_broken(void **state)
{
    (void)state;
    static const char *const bad[] = {"[{\"id\":1}]",
                                      "[{\"content\":\"a\"}]",
                                      "[{\"id\":-1,\"content\":\"a\"}]",
                                      "[{\"id\":1,\"content\":\"a\",\"lstrip\":3}]",
                                      "[7]",
                                      "{}",
                                      "[{\"id\":4294967296,\"content\":\"a\"}]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_added_set s;
        if (make(&s, bad[i], &a, &e) != VQ_E_INPUT) fail_msg("%s was taken", bad[i]);
        vq_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_leftmost_longest),
                                       cmocka_unit_test(test_strip_and_words),
                                       cmocka_unit_test(test_broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
