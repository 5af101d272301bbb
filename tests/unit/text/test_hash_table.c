/* test_hash_table.c -- a map of many keys against what was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show.h"
#include "text/words/hash_table.h"

static void test_put_get_replace(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_hash h;
    vq_err e;
    assert_int_equal(vq_hash_init(&h, 10000, "test", &a, &e), VQ_OK);
    assert_eq(vq_hash_get(&h, 0), VQ_HASH_NONE);
    for (uint32_t i = 0; i < 10000; i++) vq_hash_put(&h, (uint64_t)i << 32, i);
    for (uint32_t i = 0; i < 10000; i += 2) vq_hash_put(&h, (uint64_t)i << 32, i + 1);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(vq_hash_get(&h, (uint64_t)i << 32), i | 1);
    assert_eq(vq_hash_get(&h, 1), VQ_HASH_NONE);
    vq_arena_done(&a);
}

static void test_bytes_depend_on_all(void **state)
{
    (void)state;
    static const char text[] = "the quick brown fox";
    const uint64_t whole = vq_hash_bytes(text, 19, 0);
    assert_eq(whole, vq_hash_bytes("the quick brown fox", 19, 0));
    assert_ne(whole, vq_hash_bytes(text, 18, 0));
    assert_ne(whole, vq_hash_bytes(text, 19, 1));
    assert_ne(whole, vq_hash_bytes("the quick brown fax", 19, 0));
    assert_ne(vq_hash_bytes("", 0, 0), vq_hash_bytes("\0", 1, 0));
}

static void test_over_limit(void **state)
{
    (void)state;
    vq_budget b = {.limit = 1 << 10};
    vq_arena a;
    vq_arena_init(&a, &b);
    vq_hash h;
    vq_err e;
    assert_int_equal(vq_hash_init(&h, 1 << 20, "test", &a, &e), VQ_E_LIMIT);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_put_get_replace),
                                       cmocka_unit_test(test_bytes_depend_on_all),
                                       cmocka_unit_test(test_over_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
