/* test_fuzz_tokenizer.c -- whatever a tokenizer.json says: one line of refusal, or ids of the
 * vocabulary for every text, and UTF-8 for every ids; within its bounds. The seeds are small files
 * that together have every kind of part. */
#include <jansson.h>

#include "replay.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

static const char *const texts[] = {
    "ab<s> it's  1234 \xc3\xa9"
    "e\xcc\x81\xe4\xb8\xad <s>x\r\n abababab \xf0\x9f\x98\x80 "
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    "  \xe2\x96\x81\xef\xac\x81\xcc\x81 x``y'' \xea\xb0\x80\xe1\x86\xa7 ", "", "\n\n\t"};

static void fail(const char *what, const vq_err *e)
{
    fprintf(stderr, "%s: %s\n", what, e->text);
    abort();
}

static void check_status(vq_status s, const vq_err *e)
{
    if (s != VQ_OK && s != VQ_E_INPUT && s != VQ_E_LIMIT) fail("status", e);
    if (s != VQ_OK && (!e->text[0] || strchr(e->text, '\n'))) fail("text of an error", e);
}

static void there_and_back(const vq_tokenizer *t, const char *text)
{
    vq_budget budget = {.limit = (size_t)1 << 28};
    vq_arena a;
    vq_err e = {0};
    int32_t *ids;
    size_t n, len;
    char *back;
    vq_arena_init(&a, &budget);
    vq_status s = vq_tokenizer_encode(t, text, strlen(text), true, &a, &ids, &n, &e);
    check_status(s, &e);
    for (size_t i = 0; s == VQ_OK && i < n; i++)
        if (ids[i] < 0 || ids[i] >= vq_tokenizer_size(t)) fail("id", &e);
    if (s == VQ_OK) {
        s = vq_tokenizer_decode(t, ids, n, false, &a, &back, &len, &e);
        check_status(s, &e);
        if (s == VQ_OK && (back[len] != 0 || vq_utf8_check(back, len, "text", &e) != VQ_OK))
            fail("text", &e);
    }
    vq_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    vq_tokenizer *t;
    vq_err e = {0};
    const vq_status s = vq_tokenizer_open(&t, path, &e);
    close(fd);
    check_status(s, &e);
    for (size_t i = 0; s == VQ_OK && i < sizeof texts / sizeof *texts; i++)
        there_and_back(t, texts[i]);
    if (s == VQ_OK) vq_tokenizer_free(t);
    return 0;
}

REPLAY("tokenizer", 1500, "\"", "{", "}", "[", "]", ",", ":", "null", "true", "false", "0", "-1",
       "1e308", "-1e-320", "4194303", "2147483648", "\\\\", "(", ")", "*", "+", "?", "^", "$", "|",
       ".", "\\\\p{L}", "\\\\A", "\\\\z", "\xff", "\xc3\xa9", "\\u2581", "\\u0120", "a", "AAAA",
       "/////", "\"type\":\"Sequence\"", "\"type\":\"Replace\"", "\"type\":\"NFKC\"",
       "\"type\":\"ByteLevel\"", "\"type\":\"Unigram\"", "\"type\":\"BPE\"", "\"type\":\"Strip\"",
       "\"behavior\":\"Contiguous\"", "\"prepend_scheme\":\"first\"")
