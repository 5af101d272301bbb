/* test_unigram.c -- the library's own examples, all paths tried by hand, unknown characters, scores
 * as it reads them, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"
#include "text/words/word_model.h"

static vq_status parse(vq_word_model *m, const char *json, vq_arena *a, vq_err *e)
{
    json_t *model = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(model);
    *m = (vq_word_model){.kind = NULL};
    const vq_status s = vq_word_model_parse(m, model, 0, a, e);
    json_decref(model);
    return s;
}

static void expect(const char *json, const char *text, const int32_t *want, size_t n)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_word_model m;
    vq_word_work w = {.arena = &a};
    if (parse(&m, json, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_model_word(&m, &w, (const uint8_t *)text, strlen(text), &e) != VQ_OK)
        fail_msg("%s", e.text);
    assert_int_equal(w.count, n);
    if (n) assert_memory_equal(w.ids, want, n * sizeof *want);
    vq_arena_done(&a);
}

#define LIBRARY                                                                                    \
    "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"a\",0],[\"b\",0],[\"c\",0],["  \
    "\"d\",0],"                                                                                    \
    "[\"cd\",1],[\"ab\",2],[\"abc\",5],[\"abcd\",10]]}"

static void test_examples_of_the_library(void **state)
{
    (void)state;
    expect(LIBRARY, "abcd", (int32_t[]){8}, 1);
    expect(LIBRARY, "abcc", (int32_t[]){7, 3}, 2);
    expect(LIBRARY, "xabcabaabcdd", (int32_t[]){0, 7, 6, 1, 8, 4}, 6);
    expect(LIBRARY, "xyz\u4e2d", (int32_t[]){0}, 1); /* neighbours are one unknown */
    expect(LIBRARY, "xaz", (int32_t[]){0, 1, 0}, 3);
    expect(LIBRARY, "x<unk>y", (int32_t[]){0}, 1); /* and the token's own name is one of them */
}

static void test_byte_fallback(void **state)
{
    (void)state;
    static const char some[] =
        "{\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"<unk>\",0],[\"a\",-1],"
        "[\"<0xC3>\",-2],[\"<0xA9>\",-3]]}";
    expect(some, "\u00e9a", (int32_t[]){2, 3, 1}, 3);
    expect(some, "a\u00e9\u00e9", (int32_t[]){1, 2, 3, 2, 3}, 5);
    expect(some, "\u00e8a", (int32_t[]){0, 1}, 2);   /* a byte has no token */
    expect(some, "\u00e9\u00e8", (int32_t[]){0}, 1); /* one for all of them */
    expect("{\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"a\",-1]]}", "\u00e9", (int32_t[]){0}, 1);
}

/* Paths of equal pieces in another order differ in the last bit; -2.0154635906219482 is read as
 * ...948. */
static void test_scores_as_the_library_reads_them(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_word_model m;
    assert_int_equal(
        parse(&m,
              "{\"vocab\":[[\"a\",-2.0154635906219482],[\"b\",-9.773894309997559],[\"c\",-0.1],"
              "[\"d\",3e-320],[\"e\",1.5e300],[\"f\",-7]]}",
              &a, &e),
        VQ_OK);
    assert_eq(m.unigram.score[0], -2.015463590621948);
    assert_eq(m.unigram.score[1], -9.77389430999756);
    assert_eq(m.unigram.score[2], -0.1);
    assert_eq(m.unigram.score[3], 3e-320);
    assert_eq(m.unigram.score[4], 1.5e300);
    assert_eq(m.unigram.score[5], -7);
    assert_eq(m.unigram.unk_score, m.unigram.score[1] - 10);
    vq_arena_done(&a);
}

static double best_of(const vq_word_model *m, const char *text)
{
    if (!*text) return 0;
    double best = -1e300;
    for (size_t n = 1; n <= strlen(text); n++) {
        const int32_t id = vq_vocab_find(&m->vocab, text, n);
        const double score = id < 0 ? -1e300 : m->unigram.score[id] + best_of(m, text + n);
        best = score > best ? score : best;
    }
    return best;
}

static void test_best_path(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_word_model m;
    assert_int_equal(parse(&m,
                           "{\"vocab\":[[\"a\",-3],[\"b\",-2.5],[\"ab\",-4],[\"ba\",-4.25],["
                           "\"aba\",-6],[\"bb\",-5.5],"
                           "[\"aab\",-6.5]]}",
                           &a, &e),
                     VQ_OK);
    unsigned random = 3;
    for (int trial = 0; trial < 500; trial++) {
        char text[13] = "";
        for (int i = 0; i < 1 + trial % 12; i++) {
            random = random * 1103515245u + 12345u;
            text[i] = "ab"[(random >> 16) % 2];
        }
        vq_word_work w = {.arena = &a};
        assert_int_equal(vq_model_word(&m, &w, (const uint8_t *)text, strlen(text), &e), VQ_OK);
        double score = 0;
        size_t bytes = 0;
        for (size_t i = 0; i < w.count; i++) {
            assert_memory_equal(text + bytes, m.vocab.tokens[w.ids[i]].text,
                                m.vocab.tokens[w.ids[i]].len);
            bytes += m.vocab.tokens[w.ids[i]].len;
            score += m.unigram.score[w.ids[i]];
        }
        assert_int_equal(bytes, strlen(text));
        assert_eq(score, best_of(&m, text)); /* quarters: sums are exact */
    }
    vq_arena_done(&a);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"type\":\"Unigram\"}", "no array"},
        {"{\"type\":\"Unigram\",\"vocab\":{}}", "no array"},
        {"{\"vocab\":[7]}", "token 0"},
        {"{\"vocab\":[[\"a\"]]}", "score of token 0"},
        {"{\"vocab\":[[\"a\",\"1\"]]}", "score of token 0"},
        {"{\"vocab\":[[7,1]]}", "token 0"},
        {"{\"unk_id\":1,\"vocab\":[[\"a\",1]]}", "unk_id"},
        {"{\"unk_id\":-1,\"vocab\":[[\"a\",1]]}", "unk_id"},
        {"{\"unk_id\":\"a\",\"vocab\":[[\"a\",1]]}", "unk_id"},
        {"{\"byte_fallback\":3,\"vocab\":[[\"a\",1]]}", "byte_fallback"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_word_model m;
        if (parse(&m, bad[i][0], &a, &e) != VQ_E_INPUT) fail_msg("%s was taken", bad[i][0]);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
        vq_arena_done(&a);
    }
}

static void test_no_unknown_token(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_word_model m;
    vq_word_work w = {.arena = &a};
    assert_int_equal(parse(&m, "{\"vocab\":[[\"a\",1]]}", &a, &e), VQ_OK);
    assert_int_equal(vq_model_word(&m, &w, (const uint8_t *)"ab", 2, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "unk_id"));
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples_of_the_library),
                                       cmocka_unit_test(test_byte_fallback),
                                       cmocka_unit_test(test_scores_as_the_library_reads_them),
                                       cmocka_unit_test(test_best_path),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_no_unknown_token)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
