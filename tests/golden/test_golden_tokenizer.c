/* test_golden_tokenizer.c -- ids of the tokenizers library: stored cases, two long texts, the texts
 * of the embedded model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>

#include "base/file.h"
#include "golden.h"
#include "show.h"
#include "text/tokenizer.h"

static void expect_ids(const char *what, const int32_t *ids, size_t n, const int32_t *want,
                       size_t nwant)
{
    for (size_t i = 0; i < n && i < nwant; i++)
        if (ids[i] != want[i]) fail_msg("%s: id %zu is %d, not %d", what, i, ids[i], want[i]);
    if (n != nwant) fail_msg("%s: %zu ids, not %zu", what, n, nwant);
}

static void one_case(const vq_tokenizer *t, const json_t *c)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    const char *text = json_string_value(json_object_get(c, "text"));
    const json_t *ids = json_object_get(c, "ids");
    int32_t *got, want[4096];
    size_t n;
    const size_t nwant = json_array_size(ids);
    assert_true(text);
    assert_le(nwant, sizeof want / sizeof *want);
    for (size_t i = 0; i < nwant; i++)
        want[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    if (vq_tokenizer_encode(t, text, strlen(text), true, &a, &got, &n, &e) != VQ_OK)
        fail_msg("%s", e.text);
    expect_ids(text, got, n, want, nwant);
    vq_arena_done(&a);
}

/* The number of cases of a model; 0: a folder without tokenizer cases. */
static size_t cases_of(const char *root, const char *model)
{
    char path[4608], file[4608];
    snprintf(path, sizeof path, "%s/%s/tokenizer_cases.json", root, model);
    snprintf(file, sizeof file, "%s/%s/base/tokenizer.json", root, model);
    json_t *cases = json_load_file(path, 0, NULL);
    const size_t n = json_array_size(cases);
    if (!cases) return 0;
    vq_tokenizer *t;
    vq_err e = {0};
    if (vq_tokenizer_open(&t, file, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_gt(n, 0);
    for (size_t i = 0; i < n; i++) one_case(t, json_array_get(cases, i));
    printf("%s: %zu cases\n", model, n);
    vq_tokenizer_free(t);
    json_decref(cases);
    return n;
}

static void test_stored_cases(void **state)
{
    (void)state;
    char root[4096];
    size_t cases = 0;
    golden_path(root, sizeof root, "file-formats");
    DIR *d = opendir(root);
    assert_non_null(d);
    for (const struct dirent *x; (x = readdir(d));)
        if (x->d_name[0] != '.') cases += cases_of(root, x->d_name);
    closedir(d);
    assert_gt(cases, 0);
}

static void same_ids(const char *tokenizer, const char *text_path, const char *ids_path)
{
    vq_tokenizer *t;
    vq_map text, want;
    vq_arena a;
    vq_err e = {0};
    int32_t *ids;
    size_t n;
    vq_arena_init(&a, NULL);
    if (vq_tokenizer_open(&t, tokenizer, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_map_open(&text, text_path, &e) != VQ_OK || vq_map_open(&want, ids_path, &e) != VQ_OK)
        fail_msg("%s", e.text);
    if (vq_tokenizer_encode(t, (const char *)text.data, text.size, false, &a, &ids, &n, &e) !=
        VQ_OK)
        fail_msg("%s", e.text);
    expect_ids(text_path, ids, n, (const int32_t *)(const void *)want.data, want.size / 4);
    char *back;
    size_t len;
    assert_int_equal(vq_tokenizer_decode(t, ids, n, false, &a, &back, &len, &e), VQ_OK);
    assert_int_equal(len, text.size);
    assert_memory_equal(back, text.data, len);
    vq_map_close(&text);
    vq_map_close(&want);
    vq_tokenizer_free(t);
    vq_arena_done(&a);
}

static void test_wikitext(void **state)
{
    (void)state;
    char t[4096], text[4096], ids[4096];
    shared_path(t, sizeof t, "models/smollm2-135m/tokenizer.json");
    same_ids(t, shared_path(text, sizeof text, "data/wikitext2-test.txt"),
             shared_path(ids, sizeof ids, "models/smollm2-135m/wikitext2-test.i32"));
    same_ids(t, shared_path(text, sizeof text, "data/wikitext2-valid.txt"),
             shared_path(ids, sizeof ids, "models/smollm2-135m/wikitext2-valid.i32"));
}

static void test_embedded_model(void **state)
{
    (void)state;
    char ids[4096];
    static const char model[] = VQ_SOURCE_DIR "/examples/models/tiny-llama/";
    char t[4096], text[4096];
    snprintf(t, sizeof t, "%stokenizer.json", model);
    snprintf(text, sizeof text, "%stest.txt", model);
    same_ids(t, text, shared_path(ids, sizeof ids, "models/tiny-llama-reference/tiny_test.i32"));
    snprintf(text, sizeof text, "%svalid.txt", model);
    same_ids(t, text, shared_path(ids, sizeof ids, "models/tiny-llama-reference/tiny_valid.i32"));
}

int main(void)
{
    const struct CMUnitTest stored[] = {cmocka_unit_test(test_stored_cases)},
                            shared[] = {cmocka_unit_test(test_wikitext),
                                        cmocka_unit_test(test_embedded_model)};
    if (!golden_named()) return group_skipped("stored ids of tokenizers") + 77;
    const int failed = cmocka_run_group_tests(stored, NULL, NULL);
    return failed + (shared_named() ? cmocka_run_group_tests(shared, NULL, NULL)
                                    : group_skipped("ids of long texts"));
}
