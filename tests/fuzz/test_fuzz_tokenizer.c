/* test_fuzz_tokenizer.c -- the embedded tokenizer.json and a small one with every feature, cut and
 * changed at random places: an error or ids, never anything else. The seed is fixed, so every run
 * is the same; VQ_FUZZ_ROUNDS asks for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "text/tokenizer.h"

static const char features[] =
    "{\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\":[{\"id\":9,\"content\":\"<s>\","
    "\"special\":true,\"lstrip\":true,\"rstrip\":true},"
    "{\"id\":10,\"content\":\"<s>x\",\"single_word\":true,\"normalized\":true}],"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
    "\"Regex\":\"(?i:'s|'t)|[^\\\\r\\\\n\\\\p{"
    "L}]?\\\\p{L}+|\\\\p{N}{1,3}|"
    "\\\\s+(?!\\\\S)|(?:a|b)*c\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"Digits\","
    "\"individual_digits\":true},"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":true}]},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<"
    "s>\",\"type_id\":0}},{\"Sequence\":{"
    "\"id\":\"A\",\"type_id\":0}}],"
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[9],\"tokens\":[\"<s>\"]}}},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"a\",\"fuse_unk\":true,\"byte_"
    "fallback\":false,\"ignore_merges\":true,"
    "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"\\u0120\":3,\"\\u0120a\":4,\"abab\":5},\"merges\":[\"a "
    "b\",[\"\\u0120\",\"a\"],\"ab ab\"]}}";
static const char text[] = "ab<s> it's  1234 \u00e9e\u0301\u4e2d <s>x\r\n abababab \U0001F600 "
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

static void try_file(const char *path, const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
    vq_err e = {0};
    vq_tokenizer *t;
    const vq_status opened = vq_tokenizer_open(&t, path, &e);
    assert_true(opened == VQ_OK || (opened == VQ_E_INPUT && e.text[0]));
    if (opened != VQ_OK) return;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int32_t *ids;
    size_t count, len;
    char *back;
    const vq_status s = vq_tokenizer_encode(t, text, sizeof text - 1, true, &a, &ids, &count, &e);
    assert_true(s == VQ_OK || s == VQ_E_INPUT);
    for (size_t i = 0; s == VQ_OK && i < count; i++)
        assert_true(ids[i] >= 0 && ids[i] < vq_tokenizer_size(t));
    if (s == VQ_OK)
        assert_int_equal(vq_tokenizer_decode(t, ids, count, &a, &back, &len, &e), VQ_OK);
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

/* One change at a random place: another byte, a piece cut out, a piece doubled, or the file cut
 * off. */
static size_t mutate(uint8_t *d, size_t n, uint64_t seed)
{
    static const char interesting[] = "\"{}[],:0123456789-\\()*+?^$|.ptrue \xff\xc3";
    const size_t at = (size_t)(vq_rng_at(seed, 1) % n), len = 1 + (size_t)(vq_rng_at(seed, 2) % 16);
    const size_t piece = at + len < n ? len : n - at;
    switch (vq_rng_at(seed, 0) % 8) {
    case 0:
        return at;
    case 1:
        memmove(d + at, d + at + piece, n - at - piece);
        return n - piece;
    case 2:
        memmove(d + at + piece, d + at, n - at);
        return n + piece;
    case 3:
        d[at] ^= (uint8_t)(1u << vq_rng_at(seed, 3) % 8);
        return n;
    default:
        d[at] = (uint8_t)interesting[vq_rng_at(seed, 3) % (sizeof interesting - 1)];
        return n;
    }
}

static void replay(const uint8_t *seed_data, size_t n, uint64_t rounds)
{
    char path[] = "/tmp/vq_fuzz_tokenizer_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    uint8_t *d = malloc(n + 64);
    assert_non_null(d);
    try_file(path, seed_data, n);
    for (uint64_t round = 0; round < rounds; round++) {
        memcpy(d, seed_data, n);
        size_t len = n;
        for (uint64_t k = 0; k < 1 + round % 3 && len > 0; k++) len = mutate(d, len, 3 * round + k);
        try_file(path, d, len);
    }
    free(d);
    unlink(path);
}

static uint64_t rounds_of(uint64_t def)
{
    const char *asked = getenv("VQ_FUZZ_ROUNDS");
    return asked ? strtoull(asked, NULL, 10) : def;
}

static void test_small_file(void **state)
{
    (void)state;
    replay((const uint8_t *)features, sizeof features - 1, rounds_of(3000));
}

static void test_embedded_file(void **state)
{
    (void)state;
    vq_map m;
    vq_err e;
    assert_int_equal(
        vq_map_open(&m, VQ_SOURCE_DIR "/examples/models/tiny-llama/tokenizer.json", &e), VQ_OK);
    replay(m.data, m.size, rounds_of(300));
    vq_map_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small_file),
                                       cmocka_unit_test(test_embedded_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
