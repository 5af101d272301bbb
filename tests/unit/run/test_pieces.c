/* test_pieces.c -- text that comes token by token is the text of all tokens, in whole characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "run/generate/pieces.h"
#include "text/utf8.h"

typedef struct world {
    vq_arena arena;
    vq_tokenizer *t;
    int32_t *ids;
    size_t n;
} world;

static void open_world(world *w, const char *text)
{
    vq_err e = {0};
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(
        vq_tokenizer_open(&w->t, VQ_SOURCE_DIR "/examples/models/tiny-llama/tokenizer.json", &e),
        0);
    assert_int_equal(
        vq_tokenizer_encode(w->t, text, strlen(text), false, &w->arena, &w->ids, &w->n, &e), 0);
}

static void close_world(world *w)
{
    vq_tokenizer_free(w->t);
    vq_arena_done(&w->arena);
}

/* All pieces behind a prompt of `prompt` tokens, into got; each must be UTF-8. */
static void stream(world *w, size_t prompt, char *got)
{
    vq_err e = {0};
    vq_pieces p = vq_pieces_start(w->t, prompt);
    const char *text;
    size_t len;
    got[0] = 0;
    for (size_t n = prompt + 1; n <= w->n + 1; n++) {
        const bool last = n > w->n;
        assert_int_equal(
            vq_pieces_next(&p, w->ids, last ? w->n : n, last, &w->arena, &text, &len, &e), 0);
        assert_int_equal(vq_utf8_check(text, len, "piece", &e), 0);
        strncat(got, text, len);
    }
}

/* The tokenizer is byte-level: a character of three bytes is three tokens. Two tokens are "the". */
static void test_characters(void **state)
{
    (void)state;
    world w;
    char got[256];
    open_world(&w, "the \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x90\xa7 is h\xc3\xa9llo");
    stream(&w, 2, got);
    assert_string_equal(got, " \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x90\xa7 is h\xc3\xa9llo");
    close_world(&w);
}

/* What never becomes a character is shown at the end, once. */
static void test_broken_end(void **state)
{
    (void)state;
    world w;
    char got[256];
    open_world(&w, "a \xe6\x9d\xb1");
    w.n--;
    stream(&w, 1, got);
    assert_string_equal(got, " \xef\xbf\xbd");
    close_world(&w);
}

/* Ids of the padding of a vocabulary add nothing. */
static void test_unknown_ids(void **state)
{
    (void)state;
    world w;
    char got[256];
    open_world(&w, "the house");
    w.ids[w.n - 1] = 512;
    stream(&w, 1, got);
    assert_null(strstr(got, "\xef\xbf\xbd"));
    assert_false(vq_tokenizer_knows(w.t, 512));
    assert_true(vq_tokenizer_knows(w.t, 511));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_characters),
                                       cmocka_unit_test(test_broken_end),
                                       cmocka_unit_test(test_unknown_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
