/* test_yaml.c -- the YAML subset: the tree and its places, and every refusal with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "recipe/yaml.h"

static vq_arena arena;
static vq_err err;

static int setup(void **state)
{
    (void)state;
    vq_arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

static vq_yaml *parse(const char *text)
{
    vq_yaml *root = NULL;
    err.text[0] = '\0';
    const vq_status s = vq_yaml_parse("f.yaml", text, strlen(text), &arena, &root, &err);
    assert_int_equal(s, root ? VQ_OK : VQ_E_RECIPE);
    return root;
}

static void test_tree(void **state)
{
    (void)state;
    const vq_yaml *root = parse("a: 1\nlist: [x, \"y z\"]\nmap:\n  inner: {k: v}\n");
    assert_non_null(root);
    assert_int_equal(root->count, 3);
    assert_string_equal(vq_yaml_child(root, "a")->text, "1");
    const vq_yaml *list = vq_yaml_child(root, "list");
    assert_int_equal(list->kind, VQ_YAML_LIST);
    assert_int_equal(list->line, 2);
    assert_int_equal(list->column, 7);
    assert_int_equal(list->key_column, 1);
    assert_string_equal(list->first->next->text, "y z");
    const vq_yaml *k = vq_yaml_child(vq_yaml_child(vq_yaml_child(root, "map"), "inner"), "k");
    assert_string_equal(k->text, "v");
    assert_int_equal(k->line, 4);
    assert_int_equal(k->key_column, 11);
    assert_int_equal(k->column, 14);
    assert_null(vq_yaml_child(root, "b"));
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"a: 1\na: 2\n", "f.yaml:2:1: key \"a\" is given twice"},
        {"a: &x 1\n", "f.yaml:1:4: anchors are not part of the grammar"},
        {"a: &x [1]\n", "f.yaml:1:4: anchors are not part of the grammar"},
        {"a: *x\n", "f.yaml:1:4: aliases are not part of the grammar"},
        {"a: !!int 1\n", "f.yaml:1:4: tags are not part of the grammar"},
        {"a: !t {b: 1}\n", "f.yaml:1:4: tags are not part of the grammar"},
        {"%TAG !e! tag:x:\n---\na: 1\n", "f.yaml:1:1: tags are not part of the grammar"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"},
        {"[a, b]\n", "f.yaml:1:1: the top must be a map of keys"},
        {"text\n", "f.yaml:1:1: the top must be a map of keys"},
        {"", "f.yaml: empty"},
        {"{[a]: 1}\n", "f.yaml:1:2: a key must be plain text"},
        {"a: \"x\\0y\"\n", "f.yaml:1:4: a NUL character"},
        {"a: [[[[[[[1]]]]]]]\n", ""},
        {"a: [[[[[[[[1]]]]]]]]\n", "f.yaml:1:11: nested more than 8 deep"},
        {"a: [1\n", "f.yaml:2:1: did not find expected ',' or ']'"},
        {"a:\n\t- 1\n", "f.yaml:2:1: found character that cannot start any token"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vq_yaml *root = parse(cases[i].text);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(root == NULL, cases[i].error[0] != '\0');
    }
}

static void test_sizes(void **state)
{
    static char big[VQ_YAML_BYTES + 2];
    vq_yaml *root;
    (void)state;
    memset(big, ' ', sizeof big);
    memcpy(big, "a: 1\n", 5);
    assert_int_equal(vq_yaml_parse("f", big, VQ_YAML_BYTES, &arena, &root, &err), VQ_OK);
    assert_int_equal(vq_yaml_parse("f", big, VQ_YAML_BYTES + 1, &arena, &root, &err), VQ_E_RECIPE);
    size_t n = 0;
    for (int i = 0; i <= VQ_YAML_KEYS; i++) n += (size_t)sprintf(big + n, "k%d: 1\n", i);
    assert_int_equal(vq_yaml_parse("f", big, n, &arena, &root, &err), VQ_E_RECIPE);
    assert_string_equal(err.text, "f:1001:1: a map of more than 1000 keys");
}

static void test_bad_utf8(void **state)
{
    (void)state;
    assert_null(parse("a: \xff\xfe\n"));
    assert_string_equal(err.text, "f.yaml: byte 3: invalid leading UTF-8 octet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_utf8, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
