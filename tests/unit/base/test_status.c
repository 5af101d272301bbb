/* test_status.c -- error texts: prefixes, control characters, cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/status.h"

static void test_path(void **state)
{
    (void)state;
    vq_err e;
    assert_int_equal(vq_fail(&e, VQ_E_LIMIT, "needs %d bytes", 5), VQ_E_LIMIT);
    assert_int_equal(vq_at(&e, "layer %d", 2), VQ_E_LIMIT);
    assert_int_equal(vq_at(&e, "shard 1"), VQ_E_LIMIT);
    assert_string_equal(e.text, "shard 1 > layer 2 > needs 5 bytes");
}

static void test_control_characters(void **state)
{
    (void)state;
    vq_err e;
    (void)vq_fail(&e, VQ_E_INPUT, "tensor \"%s\"", "a\n\x1b[31mb");
    assert_string_equal(e.text, "tensor \"a??[31mb\"");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    vq_err e;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)vq_fail(&e, VQ_E_IO, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    (void)vq_at(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void test_no_error_object(void **state)
{
    (void)state;
    assert_int_equal(vq_fail(NULL, VQ_E_IO, "x"), VQ_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_no_error_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
