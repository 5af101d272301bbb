/* test_pattern.c -- matches in [], the rest between them, as onig's iterator gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/steps/pattern.h"

static void expect(const char *json, const char *text, const char *want)
{
    json_t *o = json_loads(json, 0, NULL);
    assert_non_null(o);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_pattern p;
    vq_regex_work w;
    vq_effort effort = {.steps = 1 << 20};
    if (vq_pattern_parse(&p, o, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(vq_pattern_start(&p, &w, &effort, &e), VQ_OK);
    char got[256] = "";
    vq_segments s = vq_segments_of(&p, &w, (const uint8_t *)text, strlen(text));
    for (bool more = true; more;) {
        size_t start, end;
        bool match;
        assert_int_equal(vq_segments_next(&s, &more, &start, &end, &match, &e), VQ_OK);
        if (more)
            snprintf(got + strlen(got), sizeof got - strlen(got), match ? "[%.*s]" : "%.*s|",
                     (int)(end - start), text + start);
    }
    assert_string_equal(got, want);
    vq_pattern_stop(&w);
    vq_pattern_done(&p);
    vq_arena_done(&a);
    json_decref(o);
}

#define REGEX(r) "{\"pattern\":{\"Regex\":\"" r "\"}}"
#define STRING(r) "{\"pattern\":{\"String\":\"" r "\"}}"

static void test_segments(void **state)
{
    (void)state;
    expect(STRING("a"), "bab", "b|[a]b|");
    expect(STRING("aa"), "aaaab", "[aa][aa]b|");
    expect(STRING("a.b"), "axba.b", "axb|[a.b]");
    expect(STRING("x"), "", "");
    expect(REGEX("a+"), "aab", "[aa]b|");
    expect(REGEX("x*"), "axb", "[]a|[x]b|[]"); /* none right behind [x] */
    expect(REGEX("x*"), "\u00e9", "[]\u00e9|[]");
    expect(REGEX("\\\\Aa|b"), "aab", "[a]a|[b]");
    expect(REGEX("(?<=a)b"), "abab", "a|[b]a|[b]"); /* what lies before a search is seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_segments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
