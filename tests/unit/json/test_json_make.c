/* test_json_make.c -- values that JSON cannot hold, and what is left when memory ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_json.h"
#include "json/json_make.h"

static vq_status make(json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "text", "gr\xc3\xbc\xc3\x9f");
    vq_put_text(&m, o, "path", "no\xff\xc3such");
    vq_put_text(&m, o, "none", NULL);
    vq_put_text(&m, o, "key\xff", "");
    vq_put_int(&m, o, "int", INT64_MIN);
    vq_put_real(&m, o, "real", 0.1);
    vq_put_real(&m, o, "nan", NAN);
    vq_put_real(&m, o, "inf", -INFINITY);
    vq_put_flag(&m, o, "flag", true);
    json_t *list = vq_put_array(&m, o, "list");
    vq_put_int(&m, vq_add_object(&m, list), "a", 1);
    vq_put_int(&m, vq_add_object(&m, list), "b", 2);
    vq_put_flag(&m, vq_put_object(&m, o, "o"), "c", false);
    vq_put_int(&m, o, "int", 3);
    return vq_make_done(&m, o, "that", out, e);
}

static void test_values(void **state)
{
    json_t *o;
    char *text;
    vq_err e;
    (void)state;
    assert_int_equal(make(&o, &e), VQ_OK);
    assert_int_equal(vq_json_dump(o, JSON_COMPACT, "that", &text, &e), VQ_OK);
    assert_string_equal(
        text, "{\"text\":\"gr\xc3\xbc\xc3\x9f\",\"path\":\"$'no\\\\xff\\\\xc3such'\",\"none\":null,"
              "\"$'key\\\\xff'\":\"\",\"int\":3,\"real\":0.10000000000000001,\"nan\":null,"
              "\"inf\":null,\"flag\":true,\"list\":[{\"a\":1},{\"b\":2}],"
              "\"o\":{\"c\":false}}");
    free(text);
    json_decref(o);
}

static vq_status make_it(const void *ctx, vq_err *e)
{
    json_t *o;
    char *text;
    (void)ctx;
    VQ_TRY(make(&o, e));
    const vq_status s = vq_json_dump(o, 0, "that", &text, e);
    json_decref(o);
    if (s == VQ_OK) free(text);
    return s;
}

static void test_no_memory(void **state)
{
    (void)state;
    failing_json(make_it, NULL, "that: no memory for the text");
}

int main(void)
{
    json_set_alloc_funcs(failing_malloc, failing_free);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
