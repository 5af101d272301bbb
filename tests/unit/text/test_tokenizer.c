/* test_tokenizer.c -- whole files, made here: the way of a text through all parts, templates,
 * broken files, memory limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "show.h"
#include "text/tokenizer.h"

#define PRE "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define MODEL                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\\u0120\":2,\"\\u0120a\":3,\"<s>\":" \
    "4,\"\\u00c3\":5,\"\\u00a9\":6,"                                                               \
    "\"\\u00c3\\u00a9\":7,\"e\":8},"                                                               \
    "\"merges\":[\"\\u0120 a\",\"\\u00c3 \\u00a9\"]}"
#define ADDED                                                                                      \
    "\"added_tokens\":[{\"id\":4,\"content\":\"<s>\",\"special\":true},{\"id\":9,\"content\":"     \
    "\"e\\u0301!\",\"normalized\":true}]"
#define AROUND                                                                                     \
    "\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{"         \
    "\"type\":\"TemplateProcessing\",\"single\":["                                                 \
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}" \
    "},{\"SpecialToken\":{\"id\":\"e\","                                                           \
    "\"type_id\":0}}],"                                                                            \
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[4]},\"e\":{\"id\":\"e\",\"ids\":[8,9]}"  \
    "}}]}"
#define NFC "\"normalizer\":{\"type\":\"NFC\"}"

static vq_status open_text(vq_tokenizer **t, const char *json, size_t n, vq_err *e)
{
    char path[] = "/tmp/vq_tokenizer_XXXXXX";
    const int fd = mkstemp(path);
    assert_ge(fd, 0);
    assert_eq(write(fd, json, n), (ssize_t)n);
    assert_eq(close(fd), 0);
    const vq_status s = vq_tokenizer_open(t, path, e);
    unlink(path);
    return s;
}

static void expect(const char *json, bool special, const char *text, const int32_t *want,
                   size_t nwant)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_tokenizer *t;
    if (open_text(&t, json, strlen(json), &e) != VQ_OK) fail_msg("%s", e.text);
    int32_t *ids;
    size_t n;
    if (vq_tokenizer_encode(t, text, strlen(text), special, &a, &ids, &n, &e) != VQ_OK)
        fail_msg("%s", e.text);
    assert_int_equal(n, nwant);
    if (n) assert_memory_equal(ids, want, n * sizeof *ids);
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

static void test_whole_way(void **state)
{
    (void)state;
    static const char plain[] = "{" PRE "," MODEL "}",
                      nfc[] = "{" NFC "," PRE "," MODEL "," ADDED "," AROUND "}";
    expect(plain, true, "b a<s>", (int32_t[]){1, 3}, 2); /* < s > have no tokens of their own */
    expect(plain, true, "", NULL, 0);
    expect(plain, false, "e\u0301", (int32_t[]){8}, 1);
    expect(nfc, false, "b<s> ae\u0301e\u0301!", (int32_t[]){1, 4, 3, 7, 9}, 5);
    expect(nfc, false, "\u00e9!", (int32_t[]){9}, 1);
    expect(nfc, true, "a", (int32_t[]){4, 0, 8, 9}, 4);
    expect("{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}," PRE
           "," MODEL "}",
           false, "e\u0301", (int32_t[]){7}, 1);
}

static void test_queries(void **state)
{
    (void)state;
    static const char json[] =
        "{" PRE "," MODEL "," ADDED "," AROUND ",\"decoder\":{\"type\":\"ByteLevel\"}}",
                      plain[] = "{" PRE "," MODEL "}";
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_tokenizer *t;
    assert_int_equal(open_text(&t, json, strlen(json), &e), VQ_OK);
    assert_int_equal(vq_tokenizer_adds_bos(t), 4);
    assert_int_equal(vq_tokenizer_size(t), 10);
    char *text;
    size_t len;
    static const int32_t ids[] = {4, 3, 7, 9};
    assert_int_equal(vq_tokenizer_decode(t, ids, 4, false, &a, &text, &len, &e), VQ_OK);
    assert_int_equal(len, 11);
    assert_string_equal(text, "<s> a\u00e9e\u0301!");
    assert_int_equal(vq_tokenizer_decode(t, ids, 3, true, &a, &text, &len, &e), VQ_OK);
    assert_string_equal(text, " a\u00e9");
    assert_int_equal(vq_tokenizer_decode(t, ids, 0, true, &a, &text, &len, &e), VQ_OK);
    assert_string_equal(text, "");
    static const int32_t none[] = {-1, 10, 13, INT32_MAX};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vq_tokenizer_decode(t, &none[i], 1, false, &a, &text, &len, &e),
                         VQ_E_INPUT);
    vq_tokenizer_free(t);
    assert_int_equal(open_text(&t, plain, strlen(plain), &e), VQ_OK);
    assert_int_equal(vq_tokenizer_adds_bos(t), -1);
    assert_int_equal(vq_tokenizer_decode(t, ids, 3, true, &a, &text, &len, &e), VQ_OK);
    assert_string_equal(text, "<s> \u0120a \u00c3\u00a9"); /* no decoder: tokens as they are */
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

static void test_text_must_be_utf8(void **state)
{
    (void)state;
    static const char json[] = "{" PRE "," MODEL "}";
    static const char *const bad[] = {"ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\x80",
                                      "ab\xf5\x80\x80\x80"};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_tokenizer *t;
    assert_int_equal(open_text(&t, json, strlen(json), &e), VQ_OK);
    int32_t *ids;
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vq_tokenizer_encode(t, bad[i], strlen(bad[i]), false, &a, &ids, &n, &e),
                         VQ_E_INPUT);
        assert_non_null(strstr(e.text, "at byte 2"));
    }
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

static void test_broken_files(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "broken JSON"},
        {"[]", "model"},
        {"{" PRE "}", "model"},
        {"{\"normalizer\":{\"type\":\"NFX\"}," PRE "," MODEL "}",
         "type NFX is not supported; known are NFC, NFD"},
        {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\"}]}," PRE
         "," MODEL "}",
         "Prepend"},
        {"{" NFC "," PRE "," MODEL ",\"added_tokens\":[{\"id\":20,\"content\":\"\\u00e9\"},{\"id\":"
         "21,\"content\":\"e\\u0301\"}]}",
         "twice"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"BertProcessing\"}}", "BertProcessing"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"Sequence\"}}", "processors"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\"}}", "single"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}}",
         "leaves the text out"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
         "\"Sequence\":{\"id\":\"B\"}}]}}",
         "piece 0"},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
         "\"SpecialToken\":{\"id\":\"x\"}}]}}",
         "\"x\""},
        {"{" PRE "," MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
         "\"SpecialToken\":{\"id\":\"x\"}}],\"special_"
         "tokens\":{\"x\":{\"ids\":[99]}}}}",
         "outside the vocabulary"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_err e = {0};
        vq_tokenizer *t;
        if (open_text(&t, bad[i][0], strlen(bad[i][0]), &e) != VQ_E_INPUT)
            fail_msg("%s was taken", bad[i][0]);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
        assert_null(t);
    }
    vq_err e;
    vq_tokenizer *t;
    assert_int_equal(vq_tokenizer_open(&t, "/nowhere/tokenizer.json", &e), VQ_E_INPUT);
}

static void test_zero_byte_is_a_character(void **state)
{
    (void)state;
    static const char json[] =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"<0x00>\":1,\"?\":2},"
        "\"merges\":[],\"byte_fallback\":true,\"unk_token\":\"?\"}}";
    vq_err e;
    vq_tokenizer *t;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int32_t *ids;
    size_t n;
    assert_int_equal(open_text(&t, json, strlen(json), &e), VQ_OK);
    assert_int_equal(vq_tokenizer_encode(t, "a\0a", 3, false, &a, &ids, &n, &e), VQ_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ids[1], 1);
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

/* What each character is replaced by, a thousand times over, is more than a text may grow to. */
static void test_growth_is_bounded(void **state)
{
    (void)state;
    char json[8192], long_text[2048], text[4096];
    memset(long_text, 'b', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    memset(text, 'a', sizeof text);
    snprintf(json, sizeof json,
             "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":"
             "\"%s\"}," PRE "," MODEL "}",
             long_text);
    vq_err e;
    vq_tokenizer *t;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int32_t *ids;
    size_t n;
    assert_int_equal(open_text(&t, json, strlen(json), &e), VQ_OK);
    assert_int_equal(vq_tokenizer_encode(t, text, 8, false, &a, &ids, &n, &e), VQ_OK);
    assert_int_equal(n, 8 * 2047);
    assert_int_equal(vq_tokenizer_encode(t, text, sizeof text, false, &a, &ids, &n, &e),
                     VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "grows"));
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

/* Ids and flags of added tokens as tokenizers 0.23 gives them, whatever ids the file names. */
static void test_added_twice(void **state)
{
#define VOCAB                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"x\":2,\" \":3},\"merges\":[]}"
#define S(id, more) "{\"id\":" id ",\"content\":\"<s>\"" more "}"
#define T(id) "{\"id\":" id ",\"content\":\"<t>\",\"special\":true}"
#define SPECIAL ",\"special\":true"
    static const struct {
        const char *added;
        int32_t ids[8];
        size_t n;
    } cases[] = {
        {S("4", SPECIAL) "," S("4", SPECIAL), {0, 4, 3, 1}, 4},
        {S("4", SPECIAL) "," S("5", SPECIAL) "," T("6"), {0, 4, 3, 1, 5}, 5},
        {S("4", SPECIAL) "," T("4"), {0, 4, 3, 1, 5}, 5},
        {S("7", SPECIAL) "," T("9"), {0, 4, 3, 1, 5}, 5},
        {S("4", SPECIAL) "," S("4", SPECIAL ",\"rstrip\":true"), {0, 4, 1}, 3},
        {S("4", SPECIAL ",\"rstrip\":true") "," S("4", SPECIAL), {0, 4, 3, 1}, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[1024];
        snprintf(json, sizeof json, "{\"added_tokens\":[%s]," VOCAB "}", cases[i].added);
        expect(json, false, "a<s> b<t>", cases[i].ids, cases[i].n);
    }
}

/* Every request for memory of an encoding fails once: an error, no leak, no crash. */
static void test_memory_limit(void **state)
{
    (void)state;
    static const char json[] = "{" NFC "," PRE "," MODEL "," ADDED "," AROUND "}";
    vq_err e;
    vq_tokenizer *t;
    assert_int_equal(open_text(&t, json, strlen(json), &e), VQ_OK);
    vq_status s = VQ_E_LIMIT;
    for (size_t n = 1; s != VQ_OK; n++) {
        vq_budget budget = {.fail_in = n};
        vq_arena a;
        vq_arena_init(&a, &budget);
        int32_t *ids;
        size_t count;
        s = vq_tokenizer_encode(t, "a \u00e9<s>b", 8, true, &a, &ids, &count, &e);
        assert_true(s == VQ_OK || s == VQ_E_LIMIT);
        assert_true(n > 1 || s == VQ_E_LIMIT);
        vq_arena_done(&a);
    }
    vq_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_way),         cmocka_unit_test(test_queries),
        cmocka_unit_test(test_text_must_be_utf8), cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_added_twice),       cmocka_unit_test(test_zero_byte_is_a_character),
        cmocka_unit_test(test_growth_is_bounded), cmocka_unit_test(test_memory_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
