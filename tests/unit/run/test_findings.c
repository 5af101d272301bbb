/* test_findings.c -- a list of failures that grows, and a failure that there is no memory for: it
 * must not make an artifact look sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "run/findings.h"

static void test_many(void **state)
{
    vq_arena a;
    char name[16];
    (void)state;
    vq_arena_init(&a, NULL);
    vq_findings f = {.arena = &a};
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "m%d", i);
        vq_finding(&f, name, "scale %d", i);
    }
    assert_int_equal(f.count, 100);
    assert_string_equal(f.failures[0].tensor, "m0");
    assert_string_equal(f.failures[99].tensor, "m99");
    assert_string_equal(f.failures[99].what, "scale 99");
    assert_int_equal(f.lost.status, VQ_OK);
    vq_arena_done(&a);
}

static void test_no_memory(void **state)
{
    (void)state;
    vq_budget budget = {.limit = 1};
    vq_arena a;
    vq_arena_init(&a, &budget);
    vq_findings f = {.arena = &a};
    vq_finding(&f, "m", "is wrong");
    assert_int_equal(f.lost.status, VQ_E_LIMIT);
    assert_int_equal(f.count, 0);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
