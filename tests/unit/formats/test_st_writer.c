/* test_st_writer.c -- what is written is read back, appears whole or not at all, and misuse is
 * named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "scratch.h"

typedef struct sample {
    const char *name;
    vq_dtype type;
    int ndim;
    int64_t shape[3];
} sample;

static const sample samples[] = {
    {"model.layers.0.weight_scale", VQ_F8_E4M3, 2, {6, 5}},
    {"model.layers.0.weight", VQ_BF16, 2, {16, 33}},
    {"scalar", VQ_F32, 0, {0}},
    {"shape", VQ_I64, 1, {2}},
    {"empty", VQ_F32, 2, {0, 4}},
    {"bits", VQ_BOOL, 3, {2, 3, 5}},
    {"half", VQ_F4, 2, {3, 6}},
};
enum { SAMPLES = sizeof samples / sizeof *samples, BYTES = 16 * 33 * 2 };

static uint8_t content(size_t tensor, size_t at)
{
    return (uint8_t)(7 * at + 31 * tensor + at / 251);
}

static size_t fill(size_t i, uint8_t *buf)
{
    size_t bytes = 0;
    assert_int_equal(
        vq_tensor_bytes(samples[i].type, samples[i].shape, samples[i].ndim, &bytes, NULL), VQ_OK);
    for (size_t k = 0; k < bytes; k++) buf[k] = content(i, k);
    return bytes;
}

static vq_st_writer *declare_all(vq_arena *a, int64_t id[SAMPLES])
{
    vq_st_writer *w;
    assert_int_equal(vq_st_writer_new(&w, a, NULL), VQ_OK);
    for (size_t i = 0; i < SAMPLES; i++) {
        const sample *s = &samples[i];
        assert_int_equal(vq_st_writer_declare(w, s->name, s->type, s->shape, s->ndim, &id[i], NULL),
                         VQ_OK);
    }
    return w;
}

/* Last tensor first, last byte first, three bytes at a time: any order will do. */
static void write_backwards(vq_st_writer *w, const int64_t id[SAMPLES])
{
    uint8_t buf[BYTES];
    for (size_t i = SAMPLES; i-- > 0;) {
        size_t left = fill(i, buf);
        while (left > 0) {
            const size_t n = left < 3 ? left : 3;
            left -= n;
            assert_int_equal(vq_st_writer_write(w, id[i], left, buf + left, n, NULL), VQ_OK);
        }
    }
}

static void check_folder(scratch *s, vq_arena *a)
{
    vq_tensor_set set;
    vq_err e = {0};
    if (vq_tensor_set_open(&set, &vq_container_safetensors, s->dir, a, &e) != VQ_OK)
        fail_msg("%s", e.text);
    assert_int_equal(set.count, SAMPLES);
    uint8_t buf[BYTES];
    for (size_t i = 0; i < SAMPLES; i++) {
        const vq_tensor *t = vq_tensor_set_find(&set, samples[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, samples[i].type);
        assert_int_equal(t->ndim, samples[i].ndim);
        assert_memory_equal(t->shape, samples[i].shape, (size_t)t->ndim * sizeof *t->shape);
        assert_int_equal(t->bytes, fill(i, buf));
        assert_memory_equal(t->data, buf, t->bytes);
        const size_t width = (size_t)vq_dtype_bits(t->dtype) / 8;
        if (width) assert_int_equal((uintptr_t)t->data % width, 0);
    }
    vq_tensor_set_close(&set);
}

static size_t files_in(scratch *s, const char *end, vq_arena *a)
{
    const char *const *names;
    size_t n, hits = 0;
    assert_int_equal(vq_list_dir(s->dir, a, &names, &n, NULL), VQ_OK);
    for (size_t i = 0; i < n; i++) {
        const size_t len = strlen(names[i]), k = strlen(end);
        hits += len >= k && strcmp(names[i] + len - k, end) == 0;
    }
    return hits;
}

static void test_round_trip(void **state)
{
    static const struct {
        uint64_t limit;
        size_t files;
    } cases[] = {{0, 1}, {1 << 20, 1}, {40, 4 + 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        void *own = NULL;
        assert_int_equal(scratch_setup(&own), 0);
        scratch *s = own;
        vq_arena a;
        vq_arena_init(&a, NULL);
        int64_t id[SAMPLES];
        vq_st_writer *w = declare_all(&a, id);
        assert_int_equal(vq_st_writer_open(w, s->dir, cases[k].limit, NULL), VQ_OK);
        write_backwards(w, id);
        assert_int_equal(files_in(s, ".safetensors", &a),
                         0); /* nothing under a final name before commit */
        const char *const *names;
        size_t n;
        assert_int_equal(vq_st_writer_commit(w, &names, &n, NULL), VQ_OK);
        assert_int_equal(n, cases[k].files);
        assert_int_equal(files_in(s, "", &a), n);
        for (size_t i = 0; i < n; i++) assert_true(vq_exists(scratch_path(s, names[i])));
        assert_int_equal(vq_st_writer_commit(w, &names, &n, NULL), VQ_E_BUG); /* once is enough */
        vq_st_writer_drop(w);                                                 /* harmless */
        check_folder(s, &a);
        vq_arena_done(&a);
        assert_int_equal(scratch_teardown(&own), 0);
    }
    (void)state;
}

/* Notes come back as they were given, the late one too; the file has the name that was asked for.
 */
static void test_notes(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id[SAMPLES];
    vq_st_writer *w = declare_all(&a, id);
    const char *const *names, *text;
    size_t n;
    assert_int_equal(vq_st_writer_name(w, "own.vqs", NULL), VQ_OK);
    assert_int_equal(vq_st_writer_note(w, "quote", "a \"b\" \\ c", NULL), VQ_OK);
    assert_int_equal(vq_st_writer_note(w, "late", "0000", NULL), VQ_OK);
    assert_int_equal(vq_st_writer_open(w, s->dir, 0, NULL), VQ_OK);
    write_backwards(w, id);
    assert_int_equal(vq_st_writer_note(w, "late", "beef", NULL), VQ_OK);
    assert_int_equal(vq_st_writer_note(w, "late", "longer", NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_note(w, "new", "0", NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_name(w, "other", NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_commit(w, &names, &n, NULL), VQ_OK);
    assert_string_equal(names[0], "own.vqs");
    vq_st_file f;
    assert_int_equal(vq_st_open(&f, scratch_path(s, "own.vqs"), &a, NULL), VQ_OK);
    static const char *const want[][2] = {
        {"format", "pt"}, {"quote", "a \"b\" \\ c"}, {"late", "beef"}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vq_st_metadata(&f, want[i][0], &text, &a, NULL), VQ_OK);
        assert_string_equal(text, want[i][1]);
    }
    assert_int_equal(vq_st_metadata(&f, "none", &text, &a, NULL), VQ_OK);
    assert_null(text);
    vq_st_close(&f);
    assert_int_equal(
        vq_st_open(&f, scratch_safetensors(s, "bare.safetensors", "{}", -1, 0), &a, NULL), VQ_OK);
    assert_int_equal(vq_st_metadata(&f, "format", &text, &a, NULL), VQ_OK);
    assert_null(text);
    vq_st_close(&f);
    vq_arena_done(&a);
}

/* Rows from many threads: the file does not depend on who writes when. */
static void test_threads(void **state)
{
    scratch *s = *state;
    enum { ROWS = 512, COLS = 257 };
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_st_writer *w;
    int64_t id;
    assert_int_equal(vq_st_writer_new(&w, &a, NULL), VQ_OK);
    assert_int_equal(vq_st_writer_declare(w, "w", VQ_U8, (int64_t[]){ROWS, COLS}, 2, &id, NULL),
                     VQ_OK);
    assert_int_equal(vq_st_writer_open(w, s->dir, 0, NULL), VQ_OK);
    int failed = 0;
#pragma omp parallel for num_threads(4) schedule(dynamic, 3) reduction(+ : failed)
    for (size_t r = 0; r < ROWS; r++) {
        uint8_t row[COLS];
        for (size_t c = 0; c < COLS; c++) row[c] = content(r, c);
        failed += vq_st_writer_write(w, id, r * COLS, row, COLS, NULL) != VQ_OK;
    }
    assert_int_equal(failed, 0);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_st_writer_commit(w, &names, &n, NULL), VQ_OK);
    vq_tensor_set set;
    assert_int_equal(vq_tensor_set_open(&set, &vq_container_safetensors, s->dir, &a, NULL), VQ_OK);
    const uint8_t *data = vq_tensor_set_find(&set, "w")->data;
    for (size_t i = 0; i < ROWS * COLS; i++) assert_int_equal(data[i], content(i / COLS, i % COLS));
    vq_tensor_set_close(&set);
    vq_arena_done(&a);
}

static void test_incomplete(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id[SAMPLES];
    vq_err e = {0};
    vq_st_writer *w = declare_all(&a, id);
    assert_int_equal(vq_st_writer_open(w, s->dir, 40, NULL), VQ_OK);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_st_writer_commit(w, &names, &n, &e), VQ_E_BUG);
    assert_string_equal(e.text, "model.layers.0.weight_scale: 0 of its 30 bytes were written");
    vq_st_writer_drop(w);
    assert_int_equal(files_in(s, "", &a), 0);
    vq_arena_done(&a);
}

static void test_misuse(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id[SAMPLES], one;
    vq_st_writer *w = declare_all(&a, id);
    const uint8_t byte = 0;
    vq_err e = {0};
    assert_int_equal(vq_st_writer_write(w, id[0], 0, &byte, 1, NULL), VQ_E_BUG); /* not open */
    assert_int_equal(vq_st_writer_declare(w, "x", VQ_U8, samples[0].shape, 9, &one, NULL),
                     VQ_E_BUG);
    assert_int_equal(vq_st_writer_declare(w, "x", VQ_F4, (int64_t[]){3}, 1, &one, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "x > "));
    const char *const *names;
    size_t n;
    assert_int_equal(vq_st_writer_commit(w, &names, &n, NULL), VQ_E_BUG);
    vq_st_writer_drop(w); /* nothing to remove */
    assert_int_equal(vq_st_writer_open(w, s->dir, 0, NULL), VQ_OK);
    assert_int_equal(vq_st_writer_open(w, s->dir, 0, NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_declare(w, "x", VQ_U8, samples[0].shape, 2, &one, NULL),
                     VQ_E_BUG);
    assert_int_equal(vq_st_writer_write(w, -1, 0, &byte, 1, NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_write(w, SAMPLES, 0, &byte, 1, NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_write(w, id[0], 30, &byte, 1, NULL), VQ_E_BUG);
    assert_int_equal(vq_st_writer_write(w, id[0], UINT64_MAX, &byte, 1, NULL), VQ_E_BUG);
    vq_st_writer_drop(w);
    vq_st_writer_drop(NULL);
    vq_arena_done(&a);
}

static void test_no_room(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id;
    vq_st_writer *w;
    vq_err e = {0};
    assert_int_equal(vq_st_writer_new(&w, &a, NULL), VQ_OK);
    assert_int_equal(vq_st_writer_declare(w, "w", VQ_U8, (int64_t[]){1ll << 59}, 1, &id, NULL),
                     VQ_OK);
    assert_int_equal(vq_st_writer_open(w, s->dir, 0, &e), VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "576460752303423616 bytes are needed"));
    assert_non_null(strstr(e.text, "are free"));
    assert_int_equal(files_in(s, "", &a), 0);
    vq_arena_done(&a);
}

static void test_no_folder(void **state)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id[SAMPLES];
    vq_st_writer *w = declare_all(&a, id);
    vq_err e = {0};
    assert_int_equal(vq_st_writer_open(w, scratch_path(*state, "absent"), 0, &e), VQ_E_IO);
    vq_arena_done(&a);
}

/* The second shard cannot take its name: the first must not stay behind. */
static void test_commit_fails(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_arena_init(&a, NULL);
    int64_t id[SAMPLES];
    vq_st_writer *w = declare_all(&a, id);
    vq_err e = {0};
    assert_int_equal(vq_st_writer_open(w, s->dir, 40, NULL), VQ_OK);
    write_backwards(w, id);
    assert_int_equal(vq_make_dir(scratch_path(s, "model-00002-of-00004.safetensors"), NULL), VQ_OK);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_st_writer_commit(w, &names, &n, &e), VQ_E_IO);
    assert_int_equal(files_in(s, "", &a), 1); /* the folder in the way */
    vq_arena_done(&a);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       TEST(test_notes),
                                       TEST(test_threads),
                                       TEST(test_incomplete),
                                       TEST(test_misuse),
                                       TEST(test_no_room),
                                       TEST(test_no_folder),
                                       TEST(test_commit_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
