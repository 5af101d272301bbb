/* test_nfc.c -- examples of Unicode's normalization annex, and a long run of marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "text/nfc.h"

static void expect(const char *text, const char *want)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    const uint8_t *out;
    size_t n;
    assert_int_equal(vq_nfc((const uint8_t *)text, strlen(text), &out, &n, &a, &e), VQ_OK);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
    vq_arena_done(&a);
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
    expect("q\u0307\u0323x\u0301\u0301", "q\u0323\u0307x\u0301\u0301");
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
    const uint8_t *out;
    size_t len;
    assert_int_equal(vq_nfc((const uint8_t *)many, 2 * n, &out, &len, &a, &e), VQ_OK);
    assert_int_equal(len, 2 * n);
    assert_memory_equal(out, "\u0323\u0323", 4);
    assert_memory_equal(out + len - 4, "\u0301\u0301", 4);
    vq_arena_done(&a);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
