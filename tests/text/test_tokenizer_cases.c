/* test_tokenizer_cases.c -- every family of tests/text/cases: ids, and text from ids, as the
 * tokenizers library gives them (make_cases.py made them). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <unistd.h>

#include "base/file.h"
#include "show.h"
#include "text/tokenizer.h"

#define FOLDER VQ_SOURCE_DIR "/tests/text/cases"

static vq_tokenizer *open_spec(const json_t *spec, const char *name)
{
    char path[] = "/tmp/vq_cases_XXXXXX";
    const int fd = mkstemp(path);
    vq_tokenizer *t;
    vq_err e = {0};
    assert_true(fd >= 0 && json_dumpfd(spec, fd, JSON_COMPACT) == 0 && close(fd) == 0);
    const vq_status s = vq_tokenizer_open(&t, path, &e);
    unlink(path);
    if (s != VQ_OK) fail_msg("%s: %s", name, e.text);
    return t;
}

static void one_case(const vq_tokenizer *t, const char *name, const json_t *c)
{
    const char *text = json_string_value(json_object_get(c, "text"));
    const char *want_text = json_string_value(json_object_get(c, "back"));
    const json_t *want = json_object_get(c, "ids");
    if (!want_text) want_text = text; /* the file leaves out what is the same */
    vq_arena a;
    vq_err e = {0};
    int32_t *ids;
    size_t n, len;
    char *back;
    vq_arena_init(&a, NULL);
    if (vq_tokenizer_encode(t, text, strlen(text), true, &a, &ids, &n, &e) != VQ_OK)
        fail_msg("%s: \"%s\": %s", name, text, e.text);
    if (n != json_array_size(want))
        fail_msg("%s: \"%s\": %zu ids, not %zu", name, text, n, json_array_size(want));
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(want, i));
        if (ids[i] != id)
            fail_msg("%s: \"%s\": id %zu is %d, not %d", name, text, i, ids[i], (int)id);
    }
    if (vq_tokenizer_decode(t, ids, n, true, &a, &back, &len, &e) != VQ_OK) fail_msg("%s", e.text);
    if (strcmp(back, want_text) != 0)
        fail_msg("%s: \"%s\": decoded as \"%s\", not \"%s\"", name, text, back, want_text);
    vq_arena_done(&a);
}

static void one_family(const char *path)
{
    json_error_t why;
    json_t *family = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!family) fail_msg("%s: %s", path, why.text);
    const char *name = strrchr(path, '/') + 1;
    const json_t *cases = json_object_get(family, "cases");
    vq_tokenizer *t = open_spec(json_object_get(family, "tokenizer"), name);
    for (size_t i = 0; i < json_array_size(cases); i++) one_case(t, name, json_array_get(cases, i));
    assert_gt(json_array_size(cases), 200);
    printf("%s: %zu cases\n", name, json_array_size(cases));
    vq_tokenizer_free(t);
    json_decref(family);
}

static void test_families(void **state)
{
    (void)state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    const char *const *files;
    size_t n;
    assert_int_equal(vq_list_dir(FOLDER, &a, &files, &n, NULL), VQ_OK);
    assert_ge(n, 20);
    for (size_t i = 0; i < n; i++) one_family(vq_join(&a, FOLDER, files[i], NULL));
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
