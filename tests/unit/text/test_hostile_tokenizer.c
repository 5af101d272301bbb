/* test_hostile_tokenizer.c -- tokenizers that would read a text again and again end soon: with ids,
 * or refused in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <time.h>

#include "scratch.h"
#include "show.h"
#include "text/effort.h"
#include "text/tokenizer.h"

#define AB "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\" \":2},\"merges\":[]}"
#define SPLIT(regex)                                                                               \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                                          \
    "\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define DOUBLE "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}"
#define TWICE(x) x "," x
#define MANY(x) TWICE(TWICE(TWICE(TWICE(x))))

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 64 KiB of a's with a last character. */
static vq_status encode(scratch *s, const char *normalizer, const char *cut, char last,
                        const vq_reporter *w, vq_err *e)
{
    enum { BYTES = 64 << 10 };
    char file[4096], *text = malloc(BYTES);
    vq_tokenizer *t;
    vq_arena a;
    int32_t *ids;
    size_t n;
    assert_non_null(text);
    memset(text, 'a', BYTES);
    text[BYTES - 1] = last;
    snprintf(file, sizeof file,
             "{\"added_tokens\":[],\"normalizer\":%s,\"pre_tokenizer\":%s,"
             "\"post_processor\":null,\"decoder\":null,\"model\":" AB "}",
             normalizer, cut);
    vq_status st = vq_tokenizer_open(&t, scratch_text(s, "tokenizer.json", file), e);
    if (st != VQ_OK) fail_msg("%s", e->text);
    vq_arena_init(&a, NULL);
    vq_tokenizer_heed(t, w);
    st = vq_tokenizer_encode(t, text, BYTES, false, &a, &ids, &n, e);
    vq_arena_done(&a);
    vq_tokenizer_free(t);
    free(text);
    return st;
}

static void test_hostile(void **state)
{
    static const struct {
        const char *normalizer, *cut, *says; /* NULL: encoded, or refused as the machine is */
    } cases[] = {
        {"null", SPLIT("(a|aa)+$"), "regular expression"},
        {"null", SPLIT("(?:(?=a*x)|y)"), NULL},

        {"null", SPLIT("(?=.*x)"), NULL},

        {"null", SPLIT("(?=[ab]*+)a"), "takes too long"},
        {"{\"type\":\"Sequence\",\"normalizers\":[" MANY(DOUBLE) "]}", "null", "the text grows"},
        {"{\"type\":\"Sequence\",\"normalizers\":[" MANY(
             "{\"type\":\"Prepend\",\"prepend\":\"b\"}") "]}",
         "null", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vq_err e = {0};
        const double start = seconds();
        const vq_status st = encode(*state, cases[i].normalizer, cases[i].cut, 'b', NULL, &e);
        const double took = seconds() - start;
        if (took > 5) fail_msg("case %zu took %.1f s", i, took);
        if (cases[i].says && (st == VQ_OK || !strstr(e.text, cases[i].says)))
            fail_msg("case %zu: \"%s\" lacks \"%s\"", i, e.text, cases[i].says);
        if (st != VQ_OK && !strstr(e.text, "/tokenizer.json > "))
            fail_msg("case %zu: \"%s\" names no file", i, e.text);
    }
}

/* What texts need beyond their own share adds up over a tokenizer's life. */
static void test_many(void **state)
{
    enum { BYTES = 16 << 10, MOST = 100 };
    char text[BYTES];
    vq_tokenizer *t;
    vq_arena a;
    vq_err e = {0};
    int32_t *ids;
    size_t n, done = 0;
    memset(text, 'a', BYTES);
    const char *file =
        scratch_text(*state, "tokenizer.json",
                     "{\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":" SPLIT(
                         "(?=[ab]*+)a") ",\"post_processor\":null,\"decoder\":null,"
                                        "\"model\":" AB "}");
    if (vq_tokenizer_open(&t, file, &e) != VQ_OK) fail_msg("%s", e.text);
    vq_arena_init(&a, NULL);
    const double start = seconds();
    while (done < MOST && vq_tokenizer_encode(t, text, BYTES, false, &a, &ids, &n, &e) == VQ_OK)
        done++;
    const double own = vq_effort_for(BYTES, NULL, NULL).own; /* longer under a sanitizer */
    assert_lt(seconds() - start, 1.5 + (double)(done + 1) * own);
    if (done < MOST && !strstr(e.text, "takes too long")) fail_msg("%s", e.text);
    vq_arena_done(&a);
    vq_tokenizer_free(t);
}

static void test_stop(void **state)
{
    static const volatile sig_atomic_t stop = 1;
    const vq_reporter w = {.stop = &stop};
    vq_err e = {0};
    assert_int_equal(encode(*state, "null", SPLIT("(?=[ab]*+)a"), 'b', &w, &e), VQ_E_STOPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hostile, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_many, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_stop, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
