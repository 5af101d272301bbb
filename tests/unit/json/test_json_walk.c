/* test_json_walk.c -- objects member by member, against what jansson says of the whole text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "scratch.h"
#include "json/json_walk.h"

/* Rebuilds the object that is walked. */
static vq_status collect(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    json_t *v;
    assert_int_equal(strlen(key), len);
    VQ_TRY(vq_json_value(w, &v, e));
    return json_object_set_new(ctx, key, v) == 0 ? VQ_OK : VQ_E_LIMIT;
}

static const char *const good[] = {
    "{}",
    " { } ",
    "{\"a\":1}",
    "{\"a\":-0.5e3,\"b\":[1,2,{\"x\":null}],\"c\":{\"d\":{}},\"e\":\"\"}",
    "\r\n\t{ \"a\" : true , \"b\" : 12 }",
    "{\"\":7}",
    "{\"\xe2\x82\xac\":\"\xf0\x9f\x98\x80\"}",
    "{\"\\u20ac\\\"\":\"\\ud83d\\ude00\"}",
};

static void test_same_as_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        vq_json_walk w = {good[i], strlen(good[i]), 0};
        json_t *mine = json_object(), *whole = json_loads(good[i], 0, NULL);
        assert_int_equal(vq_json_object(&w, collect, mine, NULL), VQ_OK);
        assert_int_equal(good[i][w.at - 1], '}');
        assert_true(json_equal(mine, whole));
        json_decref(mine);
        json_decref(whole);
    }
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const size_t end = (size_t)(strrchr(good[i], '}') - good[i]);
        for (size_t n = 0; n <= end; n++) {
            char *cut = malloc(n + 1); /* exactly as long, so that reading past it is seen */
            assert_non_null(cut);
            memcpy(cut, good[i], n);
            vq_json_walk w = {cut, n, 0};
            vq_err e = {0};
            json_t *mine = json_object();
            assert_int_equal(vq_json_object(&w, collect, mine, &e), VQ_E_INPUT);
            assert_non_null(strstr(e.text, "broken JSON at byte "));
            json_decref(mine);
            free(cut);
        }
    }
}

static void test_place_of_an_error(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"b\":nul}";
    vq_json_walk w = {text, sizeof text - 1, 0};
    vq_err e = {0};
    json_t *mine = json_object();
    assert_int_equal(vq_json_object(&w, collect, mine, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "at byte 14"));
    json_decref(mine);
}

/* A value of more than 16 MiB is refused before it costs memory. */
static void test_long_value(void **state)
{
    (void)state;
    static char text[(16 << 20) + 100];
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"a\":[", 6);
    memcpy(text + sizeof text - 2, "]}", 2);
    vq_json_walk w = {text, sizeof text, 0};
    json_t *mine = json_object();
    assert_int_equal(vq_json_object(&w, collect, mine, NULL), VQ_E_INPUT);
    json_decref(mine);
}

static void test_file(void **state)
{
    json_t *v;
    vq_err e = {0};
    assert_int_equal(vq_json_file(scratch_text(*state, "x.json", "{\"a\":1}\n"), 100, &v, &e),
                     VQ_OK);
    assert_int_equal(json_integer_value(json_object_get(v, "a")), 1);
    json_decref(v);
    static const char *const bad[] = {"", "{", "[1]", "{} {}",
                                      "{\"too long\":\"12345678901234567890123456789012\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vq_json_file(scratch_text(*state, "x.json", bad[i]), 40, &v, &e),
                         VQ_E_INPUT);
        assert_null(v);
        assert_int_equal(strncmp(e.text, "x.json", 6), 0);
    }
    assert_int_equal(vq_json_file(scratch_path(*state, "absent.json"), 40, &v, &e), VQ_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_jansson), cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_place_of_an_error), cmocka_unit_test(test_long_value),
        cmocka_unit_test_setup_teardown(test_file, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
