/* test_map.c -- mapped files that somebody changes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/reporter.h"
#include "scratch.h"
#include "show.h"

enum { SIZE = 1 << 20, KEPT = 4096 };

static void make_file(const char *path)
{
    char *data = malloc(SIZE);
    assert_non_null(data);
    memset(data, 7, SIZE);
    assert_int_equal(vq_write_file(path, data, SIZE, NULL), VQ_OK);
    free(data);
}

typedef int (*story)(const char *path, const vq_map *m);

/* A process of its own each: what changed is remembered to its end. */
static void tell(void **state, story s, int want)
{
    const char *path = scratch_path(*state, "input");
    make_file(path);
    const pid_t child = fork();
    if (child == 0) {
        vq_map m;
        vq_maps_guard();
        _exit(vq_map_open(&m, path, NULL) == VQ_OK ? s(path, &m) : 100);
    }
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), want);
}

static int nothing_happens(const char *path, const vq_map *m)
{
    (void)path;
    return m->data[SIZE - 1] == 7 && vq_maps_check(NULL) == VQ_OK &&
                   vq_step(NULL, "x", 0, 1, NULL) == VQ_OK
               ? 0
               : 1;
}

/* What is gone reads as zeros, and the next step says no. */
static int cut_short(const char *path, const vq_map *m)
{
    vq_err e = {0};
    if (truncate(path, KEPT) != 0) return 2;
    if (m->data[0] != 7 || m->data[SIZE - 1] != 0 || m->data[KEPT] != 0) return 3;
    if (!vq_maps_broken() || vq_step(NULL, "x", 0, 1, NULL) != VQ_E_IO) return 4;
    return vq_maps_check(&e) == VQ_E_IO && strstr(e.text, "input: the file changed") ? 0 : 5;
}

static int written_to(const char *path, const vq_map *m)
{
    const int fd = open(path, O_WRONLY);
    (void)m;
    if (usleep(20000) != 0 || fd < 0 || pwrite(fd, "x", 1, 5) != 1) return 2;
    (void)close(fd);
    return vq_maps_check(NULL) == VQ_E_IO ? 0 : 3;
}

static int closed_after(const char *path, const vq_map *m)
{
    vq_map copy = *m;
    if (truncate(path, KEPT) != 0) return 2;
    vq_map_close(&copy);
    return vq_maps_check(NULL) == VQ_E_IO ? 0 : 3;
}

/* A new file under the name leaves the old one, which is mapped, as it was. */
static int renamed_over(const char *path, const vq_map *m)
{
    char other[4096];
    (void)snprintf(other, sizeof other, "%s.new", path);
    if (vq_write_file(other, "x", 1, NULL) != VQ_OK || rename(other, path) != 0) return 2;
    return m->data[SIZE - 1] == 7 && vq_maps_check(NULL) == VQ_OK ? 0 : 3;
}

static int folder_replaced(const char *path, const vq_map *m)
{
    char dir[4096], other[4096];
    vq_err e = {0};
    (void)m;
    (void)snprintf(dir, sizeof dir, "%s.folder", path);
    (void)snprintf(other, sizeof other, "%s.other", path);
    if (vq_make_dir(dir, NULL) != VQ_OK || vq_make_dir(other, NULL) != VQ_OK) return 2;
    vq_watch *w = vq_folder_watch(dir);
    if (vq_maps_check(NULL) != VQ_OK || vq_exchange(dir, other, NULL) != VQ_OK) return 3;
    vq_unwatch(w);
    return vq_maps_check(&e) == VQ_E_IO && strstr(e.text, "folder: the folder was replaced") ? 0
                                                                                             : 4;
}

/* A second reader of a file of a watched folder finds what the first one read, or nothing at all. */
static int opened_again(const char *path, bool gone, bool closed)
{
    char dir[4096], other[4096];
    vq_map first, second;
    vq_err e = {0};
    (void)snprintf(dir, sizeof dir, "%.*s", (int)(vq_base_name(path) - path - 1), path);
    (void)snprintf(other, sizeof other, "%s.new", path);
    vq_watch *w = vq_folder_watch(dir);
    if (vq_map_open(&first, path, NULL) != VQ_OK || vq_map_open(&second, path, NULL) != VQ_OK)
        return 2;
    vq_map_close(&second);
    if (closed) vq_map_close(&first);
    make_file(other);
    if (gone ? unlink(path) != 0 : rename(other, path) != 0) return 3;
    if (vq_maps_check(NULL) != VQ_OK || !vq_exists(path)) return 4;
    if (vq_map_open(&second, path, &e) != VQ_E_IO || vq_maps_check(NULL) != VQ_E_IO) return 5;
    vq_unwatch(w);
    return strstr(e.text, gone ? "input: the file was removed" : "input: the file was replaced")
               ? 0
               : 6;
}

static int removed(const char *path, const vq_map *m)
{
    vq_map copy = *m;
    vq_map_close(&copy);
    return opened_again(path, true, false);
}

static int replaced(const char *path, const vq_map *m)
{
    (void)m;
    return opened_again(path, false, false);
}

static int replaced_when_closed(const char *path, const vq_map *m)
{
    vq_map copy = *m;
    vq_map_close(&copy);
    return opened_again(path, false, true);
}

/* Nobody says that the files of other folders, or after the watch, are one thing. */
static int replaced_elsewhere(const char *path, const vq_map *m)
{
    char other[4096];
    vq_map second;
    (void)m;
    (void)snprintf(other, sizeof other, "%s.new", path);
    make_file(other);
    if (rename(other, path) != 0 || vq_map_open(&second, path, NULL) != VQ_OK) return 2;
    vq_map_close(&second);
    return unlink(path) == 0 && !vq_exists(path) && vq_maps_check(NULL) == VQ_OK ? 0 : 3;
}

/* No output gets its name from an input that changed. */
static int output_after_cut(const char *path, const vq_map *m)
{
    char other[4096];
    (void)snprintf(other, sizeof other, "%s.out", path);
    (void)m;
    if (truncate(path, KEPT) != 0) return 2;
    return vq_write_file(other, "x", 1, NULL) == VQ_E_IO && !vq_exists(other) ? 0 : 3;
}

static void test_changes(void **state)
{
    tell(state, nothing_happens, 0);
    tell(state, cut_short, 0);
    tell(state, written_to, 0);
    tell(state, closed_after, 0);
    tell(state, renamed_over, 0);
    tell(state, folder_replaced, 0);
    tell(state, removed, 0);
    tell(state, replaced, 0);
    tell(state, replaced_when_closed, 0);
    tell(state, replaced_elsewhere, 0);
    tell(state, output_after_cut, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changes, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
