/* test_arena.c -- limits, alignment, mark and rewind, overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "show.h"

static void test_alignment_and_zero(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    for (size_t n = 0; n < 200; n += 7) {
        char *p = VQ_NEW(&a, char, n, "x", NULL);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 1, n);
    }
    vq_arena_done(&a);
}

static void test_limit(void **state)
{
    (void)state;
    vq_budget b = {.limit = 200000};
    vq_arena a;
    vq_err e;
    vq_arena_init(&a, &b);
    assert_non_null(VQ_ALLOC(&a, char, 100000, "first", &e));
    assert_null(VQ_ALLOC(&a, char, 150000, "Hessian", &e));
    assert_int_equal(e.status, VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "Hessian: 150016 bytes are needed"));
    vq_arena_done(&a);
    assert_int_equal(b.used, 0);
    assert_ge(b.peak, 100000);
}

static void test_overflow(void **state)
{
    (void)state;
    vq_arena a;
    vq_err e;
    vq_arena_init(&a, NULL);
    assert_null(vq_arena_alloc(&a, SIZE_MAX / 2, 4, "huge", &e));
    assert_int_equal(e.status, VQ_E_LIMIT);
    vq_arena_done(&a);
}

static void test_rewind(void **state)
{
    (void)state;
    vq_budget b = {0};
    vq_arena a;
    vq_arena_init(&a, &b);
    char *first = VQ_ALLOC(&a, char, 10, "x", NULL);
    const size_t used = b.used;
    const vq_arena_mark m = vq_arena_here(&a);
    char *second = VQ_ALLOC(&a, char, 10, "x", NULL);
    (void)VQ_ALLOC(&a, char, 1000000, "x", NULL);
    vq_arena_rewind(&a, m);
    assert_int_equal(b.used, used);
    assert_ptr_equal(VQ_ALLOC(&a, char, 10, "x", NULL), second);
    assert_ptr_not_equal(first, second);
    vq_arena_done(&a);
}

static void test_reserved_room_stays(void **state)
{
    (void)state;
    vq_budget b = {.limit = 2000000};
    vq_err e;
    vq_arena a;
    vq_arena_init(&a, &b);
    assert_int_equal(vq_arena_reserve(&a, 1000000, "room", &e), VQ_OK);
    const size_t used = b.used;
    const vq_arena_mark m = vq_arena_here(&a);
    char *first = VQ_ALLOC(&a, char, 900000, "x", &e);
    vq_arena_rewind(&a, m);
    assert_ptr_equal(VQ_ALLOC(&a, char, 1000000, "x", &e), first);
    assert_int_equal(b.used, used);
    vq_arena_rewind(&a, m);
    assert_int_equal(vq_arena_reserve(&a, 1000, "room", &e), VQ_OK);
    assert_int_equal(b.used, used);
    assert_int_equal(vq_arena_reserve(&a, 1500000, "room", &e), VQ_E_LIMIT);
    assert_int_equal(vq_arena_reserve(&a, SIZE_MAX, "room", &e), VQ_E_LIMIT);
    vq_arena_done(&a);
    assert_int_equal(b.used, 0);
}

/* Blocks of the same size come and go in every step of a run. With what waits for the next one, no
 * more is held than was in use before. */
static void test_spares_stay_below_the_peak(void **state)
{
    (void)state;
    vq_budget b = {.limit = 2000000};
    vq_err e;
    vq_arena a;
    vq_arena_init(&a, &b);
    (void)VQ_ALLOC(&a, char, 100, "x", &e);
    const vq_arena_mark m = vq_arena_here(&a);
    for (size_t n = 200000; n <= 1600000; n += 100000) {
        assert_non_null(VQ_ALLOC(&a, char, n / 2, "x", &e));
        assert_non_null(VQ_ALLOC(&a, char, n / 4, "x", &e));
        vq_arena_rewind(&a, m);
        assert_le(b.used + b.spared, b.peak);
        assert_non_null(VQ_ALLOC(&a, char, n, "x", &e));
        assert_le(b.used + b.spared, b.peak);
        vq_arena_rewind(&a, m);
    }
    assert_le(b.peak, 1700000);
    assert_non_null(VQ_ALLOC(&a, char, 1900000, "x", &e)); /* spares are no reason to refuse */
    assert_int_equal(b.spared, 0);
    vq_arena_done(&a);
    assert_int_equal(b.used + b.spared, 0);
}

static void test_nth_failure(void **state)
{
    (void)state;
    vq_budget b = {.fail_in = 3};
    vq_arena a;
    vq_err e;
    vq_arena_init(&a, &b);
    assert_non_null(VQ_ALLOC(&a, char, 100000, "x", &e));
    assert_non_null(VQ_ALLOC(&a, char, 10, "x", &e));
    assert_null(VQ_ALLOC(&a, char, 10, "x", &e)); /* also where a chunk still has room */
    assert_non_null(VQ_ALLOC(&a, char, 10, "x", &e));
    vq_arena_done(&a);
}

static void test_list_doubles(void **state)
{
    (void)state;
    vq_budget b = {.limit = 1000000};
    vq_arena a;
    vq_err e;
    size_t room = 0;
    int *list = NULL;
    vq_arena_init(&a, &b);
    for (int i = 0; i < 100; i++) {
        if ((size_t)i == room) list = vq_arena_more(&a, list, &room, sizeof *list, "x", &e);
        assert_non_null(list);
        list[i] = i;
    }
    assert_int_equal(room, 128);
    for (int i = 0; i < 100; i++) assert_int_equal(list[i], i);
    room = 500000;
    assert_null(vq_arena_more(&a, list, &room, sizeof *list, "x", &e));
    assert_int_equal(room, 500000);
    vq_arena_done(&a);
}

static void test_text(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    assert_string_equal(vq_arena_text(&a, NULL, "%s-%d", "x", 7), "x-7");
    vq_arena_done(&a);
}

/* What no arena holds counts against the limit as soon as it was measured. */
static void outside_counts(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    vq_budget b = {.limit = (size_t)64 * MIB};
    vq_arena a;
    vq_err e;
    vq_arena_init(&a, &b);
    vq_budget_measure(&b);
    if (!b.outside) skip(); /* no /proc, or ASan */
    assert_non_null(vq_arena_alloc(&a, 8 * MIB, 1, "much", &e));
    vq_arena_done(&a);
    const size_t before = b.outside;
    char *volatile other = malloc((size_t)60 * MIB);
    assert_non_null(other);
    memset(other, 1, (size_t)60 * MIB);
    vq_budget_measure(&b);
    assert_in_range(b.outside - before, 59 * MIB, 62 * MIB);
    assert_null(vq_arena_alloc(&a, 8 * MIB, 1, "much", &e));
    assert_int_equal(e.status, VQ_E_LIMIT);
    free(other);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_counts),
        cmocka_unit_test(test_alignment_and_zero),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_reserved_room_stays),
        cmocka_unit_test(test_spares_stay_below_the_peak),
        cmocka_unit_test(test_nth_failure),
        cmocka_unit_test(test_list_doubles),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
