/* test_vocab.c -- tokens by id and text, byte tokens, prefixes in a trie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "show.h"
#include "text/words/trie.h"
#include "text/words/vocab.h"

static void test_find(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_vocab v;
    assert_int_equal(vq_vocab_init(&v, 1000, &a, &e), VQ_OK);
    for (int i = 0; i < 990; i++) {
        char text[16];
        const int n = snprintf(text, sizeof text, "t%d", i);
        assert_int_equal(vq_vocab_add(&v, i, text, (size_t)n, &a, &e), VQ_OK);
    }
    assert_int_equal(vq_vocab_find(&v, "t77", 3), 77);
    assert_int_equal(vq_vocab_find(&v, "t77x", 3), 77);
    assert_int_equal(vq_vocab_find(&v, "t990", 4), -1);
    assert_int_equal(vq_vocab_find(&v, "", 0), -1);
    assert_int_equal(vq_vocab_add(&v, 990, "t7", 2, &a, &e), VQ_OK);
    assert_int_equal(vq_vocab_find(&v, "t7", 2), 990); /* the later of two */
    assert_int_equal(vq_vocab_name(&v, 991, "hidden", 6, &a, &e), VQ_OK);
    assert_int_equal(vq_vocab_find(&v, "hidden", 6), -1);
    assert_int_equal(vq_vocab_name(&v, 991, "again", 5, &a, &e), VQ_E_INPUT);
    assert_int_equal(vq_vocab_add(&v, 1000, "far", 3, &a, &e), VQ_E_INPUT);
    vq_arena_done(&a);
}

static void test_byte_tokens(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_vocab v;
    int32_t ids[256];
    assert_int_equal(vq_vocab_init(&v, 3, &a, &e), VQ_OK);
    assert_int_equal(vq_vocab_add(&v, 1, "<0x0A>", 6, &a, &e), VQ_OK);
    assert_int_equal(vq_vocab_add(&v, 2, "<0xff>", 6, &a, &e), VQ_OK); /* capitals only */
    vq_vocab_bytes(&v, ids);
    for (int i = 0; i < 256; i++) assert_int_equal(ids[i], i == 10 ? 1 : -1);
    vq_arena_done(&a);
}

static void test_trie(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_trie wide, t;
    assert_int_equal(vq_trie_init(&wide, 8, "keys", &a, &e), VQ_OK);
    assert_int_equal(vq_trie_put(&wide, "ab", 2, 5), -1);
    assert_int_equal(vq_trie_put(&wide, "abc", 3, 6), -1);
    assert_int_equal(vq_trie_put(&wide, "ab", 2, 7), 5);
    assert_int_equal(vq_trie_copy(&t, &wide, "keys", &a, &e), VQ_OK);
    const uint32_t first = vq_trie_step(&t, 0, 'a'), second = vq_trie_step(&t, first, 'b');
    assert_int_equal(t.value[first], -1);
    assert_int_equal(t.value[second], 7);
    assert_int_equal(t.value[vq_trie_step(&t, second, 'c')], 6);
    assert_eq(vq_trie_step(&t, 0, 'b'), VQ_HASH_NONE);
    assert_true(t.first['a'] && !t.first['b']);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find),
                                       cmocka_unit_test(test_byte_tokens),
                                       cmocka_unit_test(test_trie)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
