/* test_regex_dialect.c -- what patterns match, which are refused, and that none runs for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"
#include "text/steps/regex_dialect.h"

static vq_status find(const char *pattern, const char *text, uint64_t steps, bool *found,
                      size_t *start, size_t *end, vq_err *e)
{
    pcre2_code *re;
    VQ_TRY(vq_regex_compile(pattern, &re, e));
    vq_effort effort = {.steps = steps};
    vq_regex_work w = {pcre2_match_data_create_from_pattern(re, NULL),
                       pcre2_match_context_create(NULL), &effort};
    const vq_status s =
        vq_regex_find(re, &w, (const uint8_t *)text, strlen(text), 0, found, start, end, e);
    pcre2_match_data_free(w.data);
    pcre2_match_context_free(w.context);
    pcre2_code_free(re);
    return s;
}

static void expect(const char *pattern, const char *text, const char *match)
{
    vq_err e = {0};
    bool found;
    size_t start = 0, end = 0;
    if (find(pattern, text, 0, &found, &start, &end, &e) != VQ_OK)
        fail_msg("%s: %s", pattern, e.text);
    if (!found != !match) fail_msg("%s on %s: found %d", pattern, text, found);
    if (match && (end - start != strlen(match) || memcmp(text + start, match, end - start) != 0))
        fail_msg("%s on %s: %zu-%zu", pattern, text, start, end);
}

static void test_same_meaning(void **state)
{
    (void)state;
    expect("\\s+", "a\xc2\x85\u00a0\u3000b", "\xc2\x85\u00a0\u3000");
    expect("\\s", "a\u180eb", NULL); /* no White_Space since Unicode 6.3 */
    expect("\\S+", " \u180e ", "\u180e");
    expect("[^\\s\\p{L}]+", "a \u2028-+b", "-+");
    expect("\\p{Han}+", "a\u3001\u4e2d\u6587",
           "\u4e2d\u6587"); /* the comma is shared by scripts: not Han */
    expect("\\d+", "\u00bd\u0663", "\u0663");
    expect("(?i:'s|'ll)", "it'LL", "'LL");
    expect("^b", "a\nb", "b");
    expect(".+", "\nab\nc", "ab");
    expect("[\\]\\[\\-]+", "a-[]", "-[]");
    expect("\\s+(?!\\S)", "a   b", "  ");
    expect("\\A +| +\\z", "a \nb  ", "  ");
    expect("\\p{Alphabetic}+", "-\u24b6a\u00b2", "\u24b6a");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "a{2}+",     "[a[b]]", "[a&&b]", "\\w",
                                      "\\h+",    "\\bA",      "(?R)",   "(?m:a)", "(*ACCEPT)",
                                      "(?C1)",   "(a)\\1",    "\\C",    "a{,3}",  "[]a]",
                                      "(a",      "\\p{Nope}", "\\pL",   "\\",     "[a",
                                      "(?<n>a)", "a{70000}",  "\\p{L",  "\xff",   "(?P<a>a)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_err e = {0};
        pcre2_code *re;
        if (vq_regex_compile(bad[i], &re, &e) != VQ_E_INPUT) fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(e.text, "regular expression"));
    }
    char longest[2 * VQ_MAX_PATTERN];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    vq_err e;
    pcre2_code *re;
    assert_int_equal(vq_regex_compile(longest, &re, &e), VQ_E_INPUT);
}

static void test_backtracking_is_bounded(void **state)
{
    (void)state;
    vq_err e;
    bool found;
    size_t start, end;
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    assert_int_equal(find("(a|aa)+$", text, 1 << 20, &found, &start, &end, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "too many steps"));
    assert_int_equal(find("(a|aa)+b", text, 1 << 12, &found, &start, &end, &e), VQ_OK);
    assert_true(found);
}

/* Searches that each end after some backtracking still cannot go on for ever: they share the budget
 * of their text. */
static void test_searches_share_the_budget(void **state)
{
    (void)state;
    static const uint8_t text[] = "aaaaaaaaaaaaaaaaaab";
    vq_err e;
    pcre2_code *re;
    assert_int_equal(vq_regex_compile("(a|aa)+$", &re, &e), VQ_OK);
    vq_effort effort = {.steps = 1 << 20};
    vq_regex_work w = {pcre2_match_data_create_from_pattern(re, NULL),
                       pcre2_match_context_create(NULL), &effort};
    vq_status s = VQ_OK;
    int searches = 0;
    for (; s == VQ_OK && searches < 1000; searches++) {
        bool found;
        size_t start, end;
        s = vq_regex_find(re, &w, text, sizeof text - 1, 0, &found, &start, &end, &e);
    }
    assert_int_equal(s, VQ_E_INPUT);
    assert_gt(searches, 1);
    pcre2_match_data_free(w.data);
    pcre2_match_context_free(w.context);
    pcre2_code_free(re);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_meaning),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_backtracking_is_bounded),
                                       cmocka_unit_test(test_searches_share_the_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
