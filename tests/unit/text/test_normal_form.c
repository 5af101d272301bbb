/* test_normal_form.c -- examples of Unicode's normalization annex, and a long run of marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "text/steps/normal_form.h"

static void expect_form(vq_form form, const char *text, const char *want)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_piece t = {.text = (const uint8_t *)text, .n = strlen(text)};
    assert_int_equal(vq_normal_form(form, &t, &a, &e), VQ_OK);
    assert_int_equal(t.n, strlen(want));
    assert_memory_equal(t.text, want, t.n);
    vq_arena_done(&a);
}

static void expect(const char *text, const char *want)
{
    expect_form(VQ_NFC, text, want);
}

static void test_examples(void **state)
{
    (void)state;
    expect("", "");
    expect("plain", "plain");
    expect("e\u0301", "\u00e9");
    expect("\u212b \u2126", "\u00c5 \u03a9"); /* singletons */
    expect("a\u0301\u0323", "\u1ea1\u0301");  /* marks are reordered, then composed */
    expect("\u0958", "\u0915\u093c");         /* excluded from composition */
    expect("\u1100\u1161\u11a8", "\uac01");   /* Hangul */
    expect("\ufb01\u00b2", "\ufb01\u00b2");   /* compatibility characters stay */
    expect("\u0344", "\u0308\u0301");
    expect("\uac00\u11a7x\u11a7", "\uac00\u11a7x\u11a7"); /* composes with nothing */
    expect("q\u0307\u0323x\u0301\u0301", "q\u0323\u0307x\u0301\u0301");
}

static void test_other_forms(void **state)
{
    (void)state;
    expect_form(VQ_NFD, "\u1e69\uac01", "s\u0323\u0307\u1100\u1161\u11a8");
    expect_form(VQ_NFD, "\ufb01", "\ufb01");
    expect_form(VQ_NFKD, "\ufb01\u00e9\u2460", "fie\u03011");
    expect_form(VQ_NFKC, "\ufb01e\u0301\uff21\u00a0", "fi\u00e9A ");
    expect_form(VQ_NFKC, "\ufdfa",
                "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064a\u0647 "
                "\u0648\u0633\u0644\u0645"); /* the longest of all */
}

static void expect_head(vq_form form, const char *text, size_t head, size_t want)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_piece t = {.text = (const uint8_t *)text, .n = strlen(text), .head = head};
    assert_int_equal(vq_normal_form(form, &t, &a, &e), VQ_OK);
    assert_int_equal(t.head, want);
    vq_arena_done(&a);
}

static void test_head(void **state)
{
    (void)state;
    expect_head(VQ_NFD, "\u00e9x", 2, 3);
    expect_head(VQ_NFC, "e\u0301x", 1, 2);
    expect_head(VQ_NFKD, "\u1fcd\u0306", 3, 5);
    expect_head(VQ_NFKD, "\u1fcd\u0319", 3, 1); /* a mark of the next character comes between */
    expect_head(VQ_NFD, "\u0315\u0300x", 2, 2);
    expect_head(VQ_NFC, "\u00e9", 0, 0);
}

/* utf8proc's own normalization is the judge on short runs; on a million marks ours must still be
 * quick (a hang fails by the test's timeout). */
static void test_marks(void **state)
{
    (void)state;
    static const char *const marks[] = {"\u0301", "\u0323", "\u0327", "\u0345",
                                        "\u0591", "a",      "\u0f71"};
    char text[512] = "e";
    unsigned random = 1;
    for (int i = 0; i < 100; i++) {
        random = random * 1103515245u + 12345u;
        strcat(text, marks[(random >> 16) % 7]);
    }
    utf8proc_uint8_t *want = utf8proc_NFC((const utf8proc_uint8_t *)text);
    assert_non_null(want);
    expect(text, (const char *)want);
    free(want);
    const size_t n = 1000000;
    char *many = malloc(2 * n);
    assert_non_null(many);
    for (size_t i = 0; i < n; i++) memcpy(many + 2 * i, i % 2 ? "\u0323" : "\u0301", 2);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_piece t = {.text = (const uint8_t *)many, .n = 2 * n};
    assert_int_equal(vq_normal_form(VQ_NFC, &t, &a, &e), VQ_OK);
    assert_int_equal(t.n, 2 * n);
    assert_memory_equal(t.text, "\u0323\u0323", 4);
    assert_memory_equal(t.text + t.n - 4, "\u0301\u0301", 4);
    vq_arena_done(&a);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_other_forms),
                                       cmocka_unit_test(test_head), cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
