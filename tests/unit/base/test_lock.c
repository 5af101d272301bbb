/* test_lock.c -- a lock against another process: told whose it is, and free when that one is dead. */
#include "base/lock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "show.h"

/* A child that has the lock, and waits to be killed. */
static pid_t holder(const char *path)
{
    int ready[2];
    char byte;
    assert_eq(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        int fd;
        const bool ok = vq_lock_open(path, &fd, NULL) == VQ_OK;
        if (write(ready[1], "x", ok ? 1 : 0) < 0) _exit(1);
        (void)close(ready[1]);
        pause();
        _exit(0);
    }
    (void)close(ready[1]);
    assert_eq(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return pid;
}

static void test_another_process(void **state)
{
    char path[400], owner[32];
    int fd;
    vq_err e;
    snprintf(path, sizeof path, "%s/lock", ((scratch *)*state)->dir);
    const pid_t pid = holder(path);
    snprintf(owner, sizeof owner, "process %d is", (int)pid);
    assert_eq(vq_lock_open(path, &fd, &e), VQ_E_RECIPE);
    assert_eq(fd, -1);
    if (!strstr(e.text, owner)) fail_msg("\"%s\" lacks \"%s\"", e.text, owner);
    kill(pid, SIGKILL);
    assert_eq(waitpid(pid, NULL, 0), pid);
    assert_eq(vq_lock_open(path, &fd, &e), VQ_OK);
    (void)close(fd);
}

static void test_what_cannot_be_locked(void **state)
{
    char path[400], link[400];
    int fd;
    vq_err e;
    snprintf(path, sizeof path, "%s/none/lock", ((scratch *)*state)->dir);
    assert_eq(vq_lock_open(path, &fd, &e), VQ_E_IO);
    snprintf(link, sizeof link, "%s/link", ((scratch *)*state)->dir);
    assert_eq(symlink("elsewhere", link), 0);
    assert_eq(vq_lock_open(link, &fd, &e), VQ_E_IO);
    assert_eq(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_process, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_locked, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
