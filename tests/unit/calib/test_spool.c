/* test_spool.c -- memory and file hold the same; no room and no folder are plain errors, and
 * nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "calib/spool.h"
#include "scratch.h"
#include "show.h"

enum { COUNT = 3000, PIECE = 700 };

static void fill_and_read(size_t limit, const char *folder)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_spool s;
    float buffer[PIECE], *x;
    if (vq_spool_open(&s, COUNT, limit, folder, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(s.memory == NULL, limit < COUNT * sizeof(float));
    for (size_t first = 0; first < COUNT; first += PIECE) {
        const size_t n = COUNT - first < PIECE ? COUNT - first : PIECE;
        assert_int_equal(vq_spool_take(&s, first, n, buffer, &x, &e), VQ_OK);
        for (size_t i = 0; i < n; i++) x[i] = (float)(first + i);
        assert_int_equal(vq_spool_give(&s, first, n, x, &e), VQ_OK);
    }
    for (size_t first = 0; first + 10 <= COUNT; first += 10) {
        assert_int_equal(vq_spool_take(&s, first, 10, buffer, &x, &e), VQ_OK);
        for (size_t i = 0; i < 10; i++) assert_eq(x[i], (float)(first + i));
    }
    vq_spool_close(&s);
    vq_arena_done(&a);
}

static size_t files_in(const char *folder)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    const char *const *names;
    size_t n;
    assert_int_equal(vq_list_dir(folder, &a, &names, &n, &e), VQ_OK);
    vq_arena_done(&a);
    return n;
}

static void test_memory_and_file(void **state)
{
    const scratch *s = *state;
    fill_and_read(COUNT * sizeof(float), s->dir);
    fill_and_read(COUNT * sizeof(float) - 1, s->dir);
    fill_and_read(0, s->dir);
    assert_int_equal(files_in(s->dir), 0);
}

static void test_no_folder(void **state)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_spool s;
    assert_int_equal(vq_spool_open(&s, COUNT, 0, scratch_path(*state, "missing"), &a, &e), VQ_E_IO);
    assert_non_null(strstr(e.text, "missing"));
    vq_arena_done(&a);
}

/* A limit on the size of files stands in for a full disk. */
static void test_no_space(void **state)
{
    const scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_spool spool;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max}),
        0);
    const vq_status status = vq_spool_open(&spool, COUNT, 0, s->dir, &a, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old);
    assert_int_equal(status, VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "12000 bytes"));
    assert_int_equal(files_in(s->dir), 0);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory_and_file, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_space, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
