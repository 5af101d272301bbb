/* test_file.c -- outputs appear whole or not at all, inputs are mapped, digests are SHA-256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"

static char dir[] = "/tmp/vq_file_XXXXXX";
static char path[128], part[128];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/out", dir);
    (void)snprintf(part, sizeof part, "%s/out.part", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return vq_remove(dir, NULL) == VQ_OK && !vq_exists(dir) ? 0 : 1;
}

static void test_commit_and_drop(void **state)
{
    (void)state;
    vq_out o;
    vq_err e;
    assert_int_equal(vq_out_open(&o, path, 6, &e), VQ_OK);
    assert_int_equal(vq_out_write(&o, 3, "def", 3, &e), VQ_OK);
    assert_false(vq_exists(path));
    vq_out_drop(&o);
    assert_false(vq_exists(part));
    assert_int_equal(vq_out_open(&o, path, 6, &e), VQ_OK);
    assert_int_equal(vq_out_write(&o, 3, "def", 3, &e), VQ_OK);
    assert_int_equal(vq_out_write(&o, 0, "abc", 3, &e), VQ_OK);
    assert_int_equal(vq_out_commit(&o, &e), VQ_OK);
    vq_out_drop(&o);
    vq_map m;
    assert_int_equal(vq_map_open(&m, path, &e), VQ_OK);
    assert_int_equal(m.size, 6);
    assert_memory_equal(m.data, "abcdef", 6);
    vq_map_close(&m);
    assert_false(vq_exists(part));
}

static void test_bad_paths(void **state)
{
    (void)state;
    vq_map m;
    vq_out o;
    vq_err e;
    assert_int_equal(vq_map_open(&m, "/nonexistent/x", &e), VQ_E_INPUT);
    assert_int_equal(vq_map_open(&m, dir, &e), VQ_E_INPUT);
    assert_int_equal(vq_out_open(&o, "/nonexistent/x", 1, &e), VQ_E_IO);
}

/* A file size limit stands for a full disk: the same error, and nothing is left behind. */
static void test_no_space(void **state)
{
    (void)state;
    struct rlimit old, small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    vq_out o;
    vq_err e;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const vq_status s = vq_out_open(&o, path, 1 << 20, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(s, VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "a file of 1048576 bytes may not be written here"));
    assert_false(vq_exists(part));
}

static void test_folder(void **state)
{
    (void)state;
    vq_arena a;
    vq_err e;
    vq_arena_init(&a, NULL);
    const char *sub = vq_join(&a, dir, "sub", &e);
    assert_int_equal(vq_make_dir(sub, &e), VQ_OK);
    assert_int_equal(vq_make_dir(sub, &e), VQ_OK);
    assert_int_equal(vq_write_file(vq_join(&a, sub, "b", &e), "1", 1, &e), VQ_OK);
    assert_int_equal(vq_write_file(vq_join(&a, sub, "a", &e), "", 0, &e), VQ_OK);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_list_dir(sub, &a, &names, &n, &e), VQ_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_int_equal(vq_remove(sub, &e), VQ_OK);
    assert_int_equal(vq_remove(sub, &e), VQ_OK);
    assert_string_equal(vq_base_name("/x/y"), "y");
    assert_string_equal(vq_base_name("y"), "y");
    vq_arena_done(&a);
}

/* FIPS 180-2, appendix B. */
static void test_sha256(void **state)
{
    (void)state;
    char text[VQ_SHA256_TEXT];
    vq_sha256_of("abc", 3, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_and_drop), cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_no_space),        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
