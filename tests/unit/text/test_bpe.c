/* test_bpe.c -- merging against a plain quadratic search for the best pair, and models that must be
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* The definition: merge the pair of lowest rank, leftmost first, until there is none. */
static size_t plain_merge(const vq_bpe *b, const char *text, int32_t *ids)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) ids[i] = b->near[(uint8_t)text[i]];
    for (;;) {
        uint32_t best = VQ_HASH_NONE;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const uint32_t rank =
                vq_hash_get(&b->merges, (uint64_t)(uint32_t)ids[i] << 32 | (uint32_t)ids[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == VQ_HASH_NONE) return n;
        ids[at] = b->merged[best];
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

static const char small[] =
    "{\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"bc\":5,\"aa\":6,\"aaaa\":7,\"cab\":8}"
    ","
    "\"merges\":[\"a b\",[\"a\",\"a\"],\"b c\",\"aa aa\",\"ab c\",\"c ab\"]}";

static void test_like_definition(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_word_model b;
    if (parse(&b, small, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    unsigned random = 7;
    for (int trial = 0; trial < 2000; trial++) {
        char text[65];
        const size_t n = 1 + (size_t)trial % 64;
        for (size_t i = 0; i < n; i++) {
            random = random * 1103515245u + 12345u;
            text[i] = "abca"[(random >> 16) % 4];
        }
        text[n] = 0;
        int32_t want[64];
        const size_t nwant = plain_merge(&b.bpe, text, want);
        vq_word_work w = {.arena = &a};
        assert_int_equal(vq_model_word(&b, &w, (const uint8_t *)text, n, &e), VQ_OK);
        assert_int_equal(w.count, nwant);
        assert_memory_equal(w.ids, want, nwant * sizeof *want);
    }
    vq_arena_done(&a);
}

static void test_long_word(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_word_model b;
    assert_int_equal(parse(&b, small, &a, &e), VQ_OK);
    const size_t n = 4 << 20;
    uint8_t *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    vq_word_work w = {.arena = &a};
    assert_int_equal(vq_model_word(&b, &w, text, n, &e), VQ_OK);
    assert_int_equal(w.count, n / 4);
    free(text);
    vq_arena_done(&a);
}

static void expect(const char *json, const char *text, const int32_t *want, size_t n)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_word_model b;
    vq_word_work w = {.arena = &a};
    if (parse(&b, json, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(vq_model_word(&b, &w, (const uint8_t *)text, strlen(text), &e), VQ_OK);
    assert_int_equal(w.count, n);
    if (n) assert_memory_equal(w.ids, want, n * sizeof *want);
    vq_arena_done(&a);
}

static void test_options(void **state)
{
    (void)state;
    expect("{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[]}", "ab", (int32_t[]){0, 1}, 2);
    expect("{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[],\"ignore_merges\":true}", "ab",
           (int32_t[]){2}, 1);
    expect("{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[],\"ignore_merges\":true}", "aba",
           (int32_t[]){0, 1, 0}, 3);
    expect("{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}", "axxb", (int32_t[]){2},
           1); /* bytes without a token fall out */
    expect("{\"vocab\":{\"a\":0,\"?\":1},\"merges\":[],\"unk_token\":\"?\"}", "xxax",
           (int32_t[]){1, 1, 0, 1}, 4);
    expect("{\"vocab\":{\"a\":0,\"?\":1},\"merges\":[],\"unk_token\":\"?\",\"fuse_unk\":true}",
           "xxax", (int32_t[]){1, 0, 1}, 3);
    expect("{\"vocab\":{},\"merges\":[]}", "abc", NULL, 0);
}

static void test_byte_fallback(void **state)
{
    (void)state;
#define FALLBACK(more)                                                                             \
    "{\"vocab\":{\"a\":0,\"<0xC3>\":1,\"<0xA9>\":2,\"?\":3,\"\u4e2d\":4,\"a\u4e2d\":5},"           \
    "\"merges\":[[\"a\",\"\u4e2d\"]],\"byte_fallback\":true,\"unk_token\":\"?\"" more "}"
    expect(FALLBACK(""), "a\u4e2d\u00e9a", (int32_t[]){5, 1, 2, 0}, 4);
    expect(FALLBACK(""), "\u00e8\u00e8a", (int32_t[]){3, 3, 0}, 3); /* a byte has no token */
    expect(FALLBACK(",\"fuse_unk\":true"), "\u00e8\u00e8a", (int32_t[]){3, 0}, 2);
    /* as in the library: bytes pass by an unknown token that waits */
    expect(FALLBACK(""), "\u00e8\u00e9a", (int32_t[]){1, 2, 3, 0}, 4);
}

static void test_affixes(void **state)
{
    (void)state;
    expect(
        "{\"vocab\":{\"a\":0,\"##b\":1,\"##c\":2,\"ab\":3,\"abc\":4,\"b\":5},\"merges\":[\"a ##b\","
        "\"ab ##c\"],\"continuing_subword_prefix\":\"##\"}",
        "abc", (int32_t[]){4}, 1);
    expect("{\"vocab\":{\"a\":0,\"b</w>\":1,\"ab</w>\":2,\"a</w>\":3},\"merges\":[\"a b</w>\"],"
           "\"end_of_word_suffix\":\"</w>\"}",
           "aab", (int32_t[]){0, 2}, 2);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"null", "vocab"},
        {"{\"type\":\"WordPiece\"}", "type WordPiece is not supported; known are BPE, Unigram"},
        {"{\"type\":\"BPE\",\"vocab\":[],\"merges\":[]}", "vocab"},
        {"{\"vocab\":{}}", "merges"},
        {"{\"vocab\":{\"a\":\"0\"},\"merges\":[]}", "not an integer"},
        {"{\"vocab\":{\"a\":-1},\"merges\":[]}", "id -1"},
        {"{\"vocab\":{\"a\":4611686018427387904},\"merges\":[]}", "ids go from"},
        {"{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}", "another token"},
        {"{\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}", "merge 0 needs token \"b\""},
        {"{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}", "merge 0 needs token \"ab\""},
        {"{\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}", "neither"},
        {"{\"vocab\":{\"a\":0},\"merges\":[\"a a a\"]}", "neither"},
        {"{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}", "neither"},
        {"{\"vocab\":{\"a\":0},\"merges\":[[\"a\",1]]}", "neither"},
        {"{\"vocab\":{\"a\":0},\"merges\":[\" a\"]}", "empty half"},
        {"{\"vocab\":{},\"merges\":[],\"dropout\":0.1}", "dropout"},
        {"{\"vocab\":{},\"merges\":[],\"ignore_merges\":1}", "ignore_merges"},
        {"{\"vocab\":{},\"merges\":[],\"unk_token\":\"u\"}", "unk_token"},
        {"{\"vocab\":{},\"merges\":[],\"byte_fallback\":1}", "byte_fallback"},
        {"{\"vocab\":{},\"merges\":[],\"continuing_subword_prefix\":3}",
         "continuing_subword_prefix"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_word_model b;
        if (parse(&b, bad[i][0], &a, &e) != VQ_E_INPUT) fail_msg("%s was taken", bad[i][0]);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
        vq_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_definition), cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_options),         cmocka_unit_test(test_byte_fallback),
        cmocka_unit_test(test_affixes),         cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
