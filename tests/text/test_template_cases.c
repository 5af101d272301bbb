/* test_template_cases.c -- snippets of chat templates against what jinja2 made of them:
 * tests/text/templates.json, written by make_templates.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "show.h"
#include "text/chat_template.h"

/* One case; what Jinja refuses (no text) must be refused. */
static bool agrees(const json_t *all, const char *text, const char *expected)
{
    const vq_chat_source source = {.text = text, .len = strlen(text)};
    vq_chat_template *t;
    vq_arena a;
    vq_err e = {0};
    char *out = NULL;
    size_t len;
    vq_arena_init(&a, NULL);
    vq_status s = vq_chat_template_parse(&t, &source, &a, &e);
    if (s == VQ_OK)
        s = vq_chat_template_render(t, json_object_get(all, "messages"),
                                    json_object_get(all, "tools"), &a, &out, &len, &e);
    assert_true(s == VQ_OK || s == VQ_E_INPUT);
    const bool same = s == VQ_OK ? expected && strcmp(out, expected) == 0 : !expected;
    if (!same)
        print_error("%s\n  vq:     %s%s\n  jinja2: %s\n", text,
                    s == VQ_OK ? "" : "refused: ", s == VQ_OK ? out : e.text,
                    expected ? expected : "refused");
    vq_arena_done(&a);
    return same;
}

static void test_template_cases(void **state)
{
    json_error_t why;
    json_t *all = json_load_file(VQ_SOURCE_DIR "/tests/text/templates.json", JSON_ALLOW_NUL, &why),
           *row;
    size_t i, differ = 0;
    (void)state;
    if (!all) fail_msg("templates.json: line %d: %s", why.line, why.text);
    json_array_foreach(json_object_get(all, "cases"), i, row)
    {
        differ += !agrees(all, json_string_value(json_array_get(row, 0)),
                          json_string_value(json_array_get(row, 1)));
    }
    assert_gt(i, 500);
    json_decref(all);
    assert_int_equal(differ, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_template_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
