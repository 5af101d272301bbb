/* test_manifest.c -- vq.json: what is written verifies, any changed byte shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/manifest.h"

static char dir[] = "/tmp/vq_manifest_XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    return vq_remove_tree(dir, NULL) == VQ_OK ? 0 : 1;
}

static void write_one(void)
{
    vq_err e;
    json_t *root =
        json_pack("{s:s, s:f, s:{s:s}}", "schema", "vq.artifact/1", "x", 0.1, "files", "a", "b");
    assert_int_equal(vq_manifest_write(dir, root, &e), VQ_OK);
    json_decref(root);
}

static bool read_intact(void)
{
    vq_err e;
    json_t *root = NULL;
    bool intact = false;
    if (vq_manifest_read(dir, &root, &intact, &e) != VQ_OK) return false;
    json_decref(root);
    return intact;
}

static void test_round_trip(void **state)
{
    (void)state;
    write_one();
    assert_true(read_intact());
}

/* Every single bit of the text is under the digest or under the form of the text. */
static void test_every_bit_shows(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, VQ_MANIFEST_NAME);
    write_one();
    vq_map m;
    assert_int_equal(vq_map_open(&m, path, NULL), VQ_OK);
    const size_t n = m.size;
    unsigned char *text = malloc(n);
    assert_non_null(text);
    memcpy(text, m.data, n);
    vq_map_close(&m);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        text[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_int_equal(vq_write_file(path, text, n, NULL), VQ_OK);
        assert_false(read_intact());
        text[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    free(text);
}

static void test_no_manifest(void **state)
{
    (void)state;
    vq_err e;
    json_t *root;
    bool intact;
    assert_int_equal(vq_manifest_read("/nonexistent", &root, &intact, &e), VQ_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_bit_shows),
        cmocka_unit_test(test_no_manifest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
