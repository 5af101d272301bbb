/* test_manifest.c -- vq.json: what is written verifies, any changed byte shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/manifest.h"
#include "show.h"

static char dir[] = "/tmp/vq_manifest_XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    return vq_remove(dir, NULL) == VQ_OK ? 0 : 1;
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const vq_file_digest files[] = {{"b.json", DIGEST, 3}, {"a.safetensors", DIGEST, 4}};
static const vq_manifest_module modules[] = {
    {.name = "y", .scheme = "nvfp4", .sha256 = DIGEST, .sqnr_db = 0.1, .tokens = -1},
    {.name = "x",
     .scheme = "int4",
     .sha256 = DIGEST,
     .sqnr_db = INFINITY,
     .fallback = "rtn",
     .hadamard = 32,
     .arc_s = 16,
     .tokens = 7,
     .transformed = true},
};

static void write_one(void)
{
    vq_err e;
    const vq_manifest m = {.recipe = "r",
                           .yaml = "vq: 1\n",
                           .inputs = files,
                           .ninputs = 1,
                           .calibration = {.kind = "none"},
                           .modules = modules,
                           .nmodules = 2,
                           .files = files,
                           .nfiles = 2,
                           .finish = "tune",
                           .finished = {.before = 1, .after = 0.5, .tokens = 7}};
    assert_int_equal(vq_manifest_write(dir, &m, &e), VQ_OK);
}

static bool read_intact(void)
{
    vq_err e;
    vq_manifest m;
    vq_arena a;
    bool intact = false;
    vq_arena_init(&a, NULL);
    const vq_status status = vq_manifest_read(dir, &m, &intact, &a, &e);
    vq_arena_done(&a);
    return status == VQ_OK && intact;
}

static void same_module(const vq_manifest_module *got, const vq_manifest_module *want)
{
    assert_non_null(got);
    assert_int_equal(got->scheme != NULL, want->scheme != NULL);
    if (want->scheme) assert_string_equal(got->scheme, want->scheme);
    assert_int_equal(got->sha256 != NULL, want->sha256 != NULL);
    if (want->sha256) assert_string_equal(got->sha256, want->sha256);
    assert_eq(got->sqnr_db, want->sqnr_db);
    assert_int_equal(got->fallback != NULL, want->fallback != NULL);
    if (want->fallback) assert_string_equal(got->fallback, want->fallback);
    assert_int_equal(got->hadamard, want->hadamard);
    assert_int_equal(got->arc_s, want->arc_s);
    assert_int_equal(got->tokens, want->tokens);
    assert_int_equal(got->transformed, want->transformed);
}

static void test_round_trip(void **state)
{
    (void)state;
    vq_err e;
    vq_manifest m;
    vq_arena a;
    bool intact;
    vq_arena_init(&a, NULL);
    write_one();
    assert_int_equal(vq_manifest_read(dir, &m, &intact, &a, &e), VQ_OK);
    assert_true(intact);
    assert_int_equal(m.nmodules, 2);
    for (int i = 0; i < 2; i++)
        same_module(vq_manifest_module_named(&m, modules[i].name), &modules[i]);
    assert_null(vq_manifest_module_named(&m, "z"));
    assert_int_equal(m.nfiles, 2);
    assert_string_equal(m.files[0].name, "a.safetensors");
    assert_string_equal(vq_manifest_file_named(&m, "b.json")->sha256, DIGEST);
    assert_null(vq_manifest_file_named(&m, "vq.json"));
    vq_arena_done(&a);
}

/* Members of other types count as not recorded. */
static void test_other_types(void **state)
{
    (void)state;
    static const char text[] =
        "{\"schema\": \"vq.artifact/1\", \"tensors\": {\"b\": {\"sha256\": 3, \"sqnr_db\": 30, "
        "\"arc_s\": \"16\", \"tokens\": 7.5, \"transformed\": 1}, \"a\": []}, \"files\": {\"f\": "
        "{}}}";
    vq_err e;
    vq_manifest m;
    vq_arena a;
    bool intact;
    char path[128];
    vq_arena_init(&a, NULL);
    (void)snprintf(path, sizeof path, "%s/%s", dir, VQ_MANIFEST_NAME);
    assert_int_equal(vq_write_file(path, text, sizeof text - 1, NULL), VQ_OK);
    assert_int_equal(vq_manifest_read(dir, &m, &intact, &a, &e), VQ_OK);
    assert_false(intact);
    assert_int_equal(m.nmodules, 2);
    same_module(&m.modules[0], &(vq_manifest_module){.sqnr_db = INFINITY, .tokens = -1});
    assert_string_equal(m.modules[1].name, "b");
    assert_null(m.modules[1].sha256);
    assert_true(isinf(m.modules[1].sqnr_db));
    assert_int_equal(m.modules[1].arc_s, 0);
    assert_int_equal(m.modules[1].tokens, -1);
    assert_false(m.modules[1].transformed);
    assert_int_equal(m.nfiles, 1);
    assert_null(m.files[0].sha256);
    vq_arena_done(&a);
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
    vq_manifest m;
    bool intact;
    assert_int_equal(vq_manifest_read("/nonexistent", &m, &intact, NULL, &e), VQ_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_every_bit_shows),
        cmocka_unit_test(test_no_manifest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
