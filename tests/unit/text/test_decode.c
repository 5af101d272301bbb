/* test_decode.c -- tokens back to text; the expectations are what the tokenizers library gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/steps/decode.h"

static vq_status run(const char *json, const char *const *tokens, size_t limit, char *got,
                     vq_err *e)
{
    json_t *o = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(o);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_token list[16];
    vq_decoder d = {.count = 0};
    vq_decode_work w = {.list = list, .arena = &a, .effort = {.steps = 1 << 20}, .limit = limit};
    for (; tokens[w.n]; w.n++)
        list[w.n] = (vq_token){.text = tokens[w.n], .len = strlen(tokens[w.n])};
    vq_status s = vq_decoder_parse(&d, o, &a, e);
    char *text = NULL;
    size_t len = 0;
    if (s == VQ_OK) s = vq_decoder_run(&d, &w, &text, &len, e);
    if (s == VQ_OK) memcpy(got, text, len + 1);
    vq_decoder_done(&d);
    vq_arena_done(&a);
    json_decref(o);
    return s;
}

#define EXPECT(json, want, ...)                                                                    \
    do {                                                                                           \
        char got[512];                                                                             \
        vq_err e = {0};                                                                            \
        if (run(json, (const char *const[]){__VA_ARGS__, NULL}, 512, got, &e) != VQ_OK)            \
            fail_msg("%s", e.text);                                                                \
        assert_string_equal(got, want);                                                            \
    } while (0)

#define LIST(parts) "{\"type\":\"Sequence\",\"decoders\":[" parts "]}"
#define BYTES "{\"type\":\"ByteFallback\"}"
#define FUSE "{\"type\":\"Fuse\"}"
#define SPACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\\u2581\"},\"content\":\" \"}"
#define STRIP "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"

static void test_each(void **state)
{
    (void)state;
    EXPECT("null", "a b", "a", "b");
    EXPECT(BYTES, "\u00e9a", "<0xC3>", "<0xa9>", "a");
    EXPECT(BYTES, "\ufffd\ufffda", "<0xC3>", "<0xC3>", "a");
    EXPECT(BYTES, "<0x4>\u4e2d<0xGG>", "<0x4>", "<0xE4>", "<0xB8>", "<0xAD>", "<0xGG>");
    EXPECT(LIST(SPACE "," BYTES "," FUSE "," STRIP), " a b", "\u2581\u2581a", "\u2581b");
    EXPECT(LIST(STRIP), "ab", " a", " ", " b");
    EXPECT("{\"type\":\"Strip\",\"content\":\"-\",\"start\":2,\"stop\":1}", "-ab", "---a-", "-b-",
           "-");
    EXPECT("{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"always\"}",
           "a b", "\u2581a", "\u2581b");
    EXPECT("{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"never\"}",
           " a b", "\u2581a", "\u2581b");
    EXPECT("{\"type\":\"ByteLevel\"}", " \u00e9", "\u0120", "\u00c3", "\u00a9");
    EXPECT("{\"type\":\"ByteLevel\"}", "a b\ufffd", "a b", "\u00c3"); /* a space is no letter */
    EXPECT("{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}", "ab c", "a", "b</w>", "c</w>");
    EXPECT(LIST(""), "ab", "a", "b");
    EXPECT(FUSE, "", "");
}

/* Table 3-8 of Unicode and its neighbours: one U+FFFD for each longest beginning of a character. */
static void test_lossy(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
         "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdA"},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
         "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdA"},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", "\ufffd\ufffd\ufffd\ufffd\ufffdA\ufffd\ufffdB"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\ufffd\ufffd\ufffd\ufffdA"},
        {"a\xe4\xb8", "a\ufffd"},
        {"\xf0\x9f\x98\x80\xc3\xa9", "\U0001F600\u00e9"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e;
        vq_sink out = {.arena = &a, .limit = 512};
        const char *in = cases[i][0], *want = cases[i][1];
        assert_int_equal(vq_utf8_lossy((const uint8_t *)in, strlen(in), &out, &e), VQ_OK);
        assert_int_equal(out.n, strlen(want));
        assert_memory_equal(out.data, want, out.n);
        vq_arena_done(&a);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"type\":\"WordPiece\"}",
         "WordPiece is not supported; known are BPEDecoder, ByteFallback"},
        {"{\"type\":\"Strip\",\"content\":\"ab\",\"start\":1,\"stop\":0}", "one character"},
        {"{\"type\":\"Strip\",\"content\":\"a\",\"start\":-1,\"stop\":0}", "start"},
        {"{\"type\":\"Strip\",\"content\":\"a\",\"start\":1}", "stop"},
        {"{\"type\":\"Metaspace\"}", "replacement"},
        {"{\"type\":\"BPEDecoder\",\"suffix\":\"\"}", "suffix"},
        {"{\"type\":\"Replace\",\"content\":\"\"}", "pattern"},
        {"{\"type\":\"Sequence\"}", "decoders"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char got[512];
        vq_err e = {0};
        if (run(bad[i][0], (const char *const[]){"a", NULL}, 512, got, &e) != VQ_E_INPUT)
            fail_msg("%s was taken", bad[i][0]);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
    }
}

static void test_growth_is_bounded(void **state)
{
    (void)state;
    char got[512];
    vq_err e;
    static const char json[] =
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"bbbbbbbb\"}";
    assert_int_equal(run(json, (const char *const[]){"aaaaaaaa", NULL}, 32, got, &e), VQ_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each), cmocka_unit_test(test_lossy),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_growth_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
