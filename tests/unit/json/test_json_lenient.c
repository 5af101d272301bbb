/* test_json_lenient.c -- what Python's json module reads, and texts that keep what is not replaced;
 * the values are those that json.loads of Python 3.11 gives, or what stands for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_json.h"
#include "json/json_lenient.h"

static vq_status parse(const char *text, json_t **v, vq_err *e)
{
    const size_t n = strlen(text);
    char *copy = malloc(n ? n : 1); /* exactly as long, so that reading past it is seen */
    memcpy(copy, text, n);
    const vq_status s = vq_json_parse(copy, n, v, e);
    free(copy);
    return s;
}

static void reads_what_python_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same;
    } cases[] = {
        {"{\"a\": NaN, \"b\": [Infinity, -Infinity]}",
         "{\"a\": \"NaN\", \"b\": [\"Infinity\", \"-Infinity\"]}"},
        {"{\"NaN\": \"Infinity NaN \\\"-Infinity\", \"b\": NaN}",
         "{\"NaN\": \"Infinity NaN \\\"-Infinity\", \"b\": \"NaN\"}"},
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}"},
        {"{\"a\": 1000000000000000019884624838656}", "{\"a\": 1e30}"},
        {"[-9223372036854775809, 9223372036854775807, 1e5, 1E400, -1e400, 12345678901234567890.5]",
         "[-9223372036854775808.0, 9223372036854775807.0, 1e5, \"Infinity\", \"-Infinity\", "
         "12345678901234567890.5]"},
        {"\"a\\u0000b\"", "\"a\xf4\x8f\xbf\xbf"
                          "b\""},
        {"{\"\\u0000\": 1}", "{\"\xf4\x8f\xbf\xbf\": 1}"},
        {"[\"\\ud83d\\ude00\", \"\\ud83d\", \"\\ude00x\", \"\\ud83d\\u0041\", \"\\\\ud83d\"]",
         "[\"\xf0\x9f\x98\x80\", \"\xef\xbf\xbd\", \"\xef\xbf\xbdx\", \"\xef\xbf\xbd"
         "A\", \"\\\\ud83d\"]"},
        {"\xef\xbb\xbf{\"a\": 1}\n\n", "{\"a\": 1}"},
        {"9223372036854775807", "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vq_err e = {0};
        json_t *v, *same = json_loads(cases[i].same, JSON_DECODE_ANY, NULL);
        assert_non_null(same);
        if (parse(cases[i].text, &v, &e) != VQ_OK) fail_msg("%s: %s", cases[i].text, e.text);
        char *is = json_dumps(v, JSON_ENCODE_ANY), *want = json_dumps(same, JSON_ENCODE_ANY);
        assert_string_equal(is, want);
        free(is);
        free(want);
        json_decref(v);
        json_decref(same);
    }
}

static void refuses_what_python_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "{",        "{} {}",    "nan",       "+1",
        "[1,]",      "{\"a\":}", "-",        "[NaN NaN]", "xNaN",
        "\"\\u12\"", "\"\\",     "{'a': 1}", "[Infinity", "\"a\nb\"",
        "\"\xff\"",  "01",       "-Infinit", "{NaN: 1}",  "\xef\xbb\xbf\xef\xbb\xbf{}",
        "\"\\ud83d",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_err e = {0};
        json_t *v;
        if (parse(bad[i], &v, &e) != VQ_E_INPUT) fail_msg("%s: %s", bad[i], e.text);
        assert_null(v);
        assert_int_equal(strncmp(e.text, "broken JSON ", 12), 0);
    }
}

static void expect_splice(const char *text, const char *key, json_t *value, const char *want)
{
    char *t = strdup(text);
    size_t len = strlen(t);
    assert_int_equal(vq_json_splice(&t, &len, key, value, NULL), VQ_OK);
    assert_string_equal(t, want);
    assert_int_equal(len, strlen(want));
    free(t);
    json_decref(value);
}

static void keeps_the_text(void **state)
{
    (void)state;
    expect_splice("{}", "a", json_true(), "{\n  \"a\": true\n}");
    expect_splice(" { \"b\" : 1e30 } ", "a", json_pack("{s:i}", "x", 1),
                  " { \"b\" : 1e30,\n  \"a\": {\n    \"x\": 1\n  } } ");
    expect_splice("{\"a\": NaN, \"n\": \"\\u0000\", \"big\": 1000000000000000000000}", "a",
                  json_integer(2),
                  "{\"a\": 2, \"n\": \"\\u0000\", \"big\": 1000000000000000000000}");
    expect_splice(
        "{\"x\": {\"a\": 1, \"t\": \"}\\\"\"}, \"\\u0061\" : [1, {\"a\": 2}] ,\"a\":3}", "a",
        json_null(),
        "{\"x\": {\"a\": 1, \"t\": \"}\\\"\"}, \"\\u0061\" : [1, {\"a\": 2}] ,\"a\":null}");
    expect_splice("{\"y\": [\"a\", {}], \"a\":\"\\\\\"\n}", "b", json_true(),
                  "{\"y\": [\"a\", {}], \"a\":\"\\\\\",\n  \"b\": true\n}");
}

static vq_status parse_and_drop(const void *ctx, vq_err *e)
{
    json_t *v;
    VQ_TRY(vq_json_parse(ctx, strlen(ctx), &v, e));
    json_decref(v);
    return VQ_OK;
}

static void without_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\": [1, \"b\", {\"c\": 2.5}], \"d\": null}",
                                        "{\"a\": NaN, \"b\": \"\\u0000\", \"c\": [1e999]}"};
    for (size_t i = 0; i < 2; i++)
        failing_json(parse_and_drop, texts[i], "no memory left to parse JSON");
}

int main(void)
{
    json_set_alloc_funcs(failing_malloc, failing_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_python_reads), cmocka_unit_test(refuses_what_python_refuses),
        cmocka_unit_test(keeps_the_text), cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
