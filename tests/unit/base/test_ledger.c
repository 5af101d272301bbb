/* test_ledger.c -- what a list says after its process ended at any byte of it, and what is never
 * taken for vq's. */
#include "base/ledger.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "scratch.h"
#include "show.h"

typedef struct place {
    char run[300], list[320];
    int fd;
} place;

static place begin(void **state)
{
    place p;
    vq_err e;
    snprintf(p.run, sizeof p.run, "%s/out.run", ((scratch *)*state)->dir);
    snprintf(p.list, sizeof p.list, "%s/list", p.run);
    assert_eq(vq_make_dir(p.run, &e), VQ_OK);
    p.fd = open(p.list, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_true(p.fd >= 0);
    return p;
}

static const char *in(const place *p, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", p->run, name);
    return path;
}

static void put(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static vq_status open_again(const place *p)
{
    vq_err e;
    vq_ledger_close();
    return vq_ledger_open(p->run, "list", p->fd, &e);
}

static void test_only_what_was_added(void **state)
{
    const place p = begin(state);
    vq_err e;
    assert_eq(vq_ledger_open(p.run, "list", p.fd, &e), VQ_OK);
    put(in(&p, "theirs"), "mine");
    assert_eq(vq_write_file(in(&p, "theirs"), "x", 1, &e), VQ_E_IO);
    if (!strstr(e.text, "out.run/theirs")) fail_msg("\"%s\" does not name it", e.text);
    assert_eq(vq_write_file(in(&p, "ours"), "x", 1, &e), VQ_OK);
    assert_eq(vq_write_file(in(&p, "ours"), "y", 1, &e), VQ_OK);
    assert_eq(vq_write_file(in(&p, "with\nline end"), "y", 1, &e), VQ_OK);
    put(in(&p, "half.part"), "mine");
    assert_eq(vq_write_file(in(&p, "half"), "x", 1, &e), VQ_E_IO);
    for (int again = 0; again < 2; again++) {
        assert_eq(vq_ledger_has(in(&p, "ours")), true);
        assert_eq(vq_ledger_has(in(&p, "with\nline end")), true);
        assert_eq(vq_ledger_has(in(&p, "ours.part")), false);
        assert_eq(vq_ledger_has(in(&p, "theirs")), false);
        assert_eq(vq_ledger_has(in(&p, "half.part")), false);
        assert_eq(vq_ledger_has("ours"), false);
        assert_eq(open_again(&p), VQ_OK);
    }
    /* what is gone is vq's no more */
    assert_eq(unlink(in(&p, "ours")), 0);
    assert_eq(open_again(&p), VQ_OK);
    put(in(&p, "ours"), "mine");
    assert_eq(vq_ledger_has(in(&p, "ours")), false);
    vq_ledger_close();
    assert_eq(vq_write_file(in(&p, "ours"), "x", 1, &e), VQ_OK); /* no list: as anywhere */
    (void)close(p.fd);
}

/* A name that came between the check and the rename. */
static void test_a_name_that_is_taken_meanwhile(void **state)
{
    const place p = begin(state);
    vq_err e;
    vq_out o;
    assert_eq(vq_ledger_open(p.run, "list", p.fd, &e), VQ_OK);
    assert_eq(vq_out_open(&o, in(&p, "taken"), 1, &e), VQ_OK);
    put(in(&p, "taken"), "mine");
    assert_eq(vq_out_commit(&o, &e), VQ_E_IO);
    vq_out_drop(&o);
    assert_eq(vq_ledger_has(in(&p, "taken")), false);
    assert_eq(vq_exists(in(&p, "taken.part")), false);
    vq_ledger_close();
    (void)close(p.fd);
}

/* Cut at any byte behind its first entry, the list is one of fewer names; none is made up. */
static void test_cut_anywhere(void **state)
{
    const place p = begin(state);
    vq_err e;
    struct stat st;
    assert_eq(vq_ledger_open(p.run, "list", p.fd, &e), VQ_OK);
    const off_t header = fstat(p.fd, &st) == 0 ? st.st_size : 0;
    assert_eq(vq_ledger_add(in(&p, "a-long-name"), &e), VQ_OK);
    put(in(&p, "a-long-name"), "x");
    put(in(&p, "a-long"), "mine");
    put(in(&p, "b"), "mine");
    assert_eq(fstat(p.fd, &st), 0);
    for (off_t n = st.st_size - 1; n >= header; n--) {
        assert_eq(ftruncate(p.fd, n), 0);
        assert_eq(open_again(&p), VQ_OK);
        assert_eq(vq_ledger_has(in(&p, "a-long-name")), false);
        assert_eq(vq_ledger_has(in(&p, "a-long")), false);
        assert_eq(vq_ledger_add(in(&p, "c"), &e), VQ_OK);
        put(in(&p, "c"), "x");
        assert_eq(open_again(&p), VQ_OK);
        assert_eq(vq_ledger_has(in(&p, "c")), true);
        assert_eq(vq_ledger_has(in(&p, "a-long")), false);
        assert_eq(unlink(in(&p, "c")), 0);
    }
    assert_eq(ftruncate(p.fd, header), 0);
    assert_eq(ftruncate(p.fd, header + 1), 0); /* an entry without a sign */
    assert_eq(open_again(&p), VQ_OK);
    assert_eq(vq_ledger_has(in(&p, "a-long")), false);
    assert_eq(ftruncate(p.fd, header - 1), 0);
    assert_eq(open_again(&p), VQ_E_RECIPE);
    assert_eq(ftruncate(p.fd, 0), 0);
    assert_eq(open_again(&p), VQ_OK);
    vq_ledger_close();
    (void)close(p.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_was_added, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_a_name_that_is_taken_meanwhile, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
