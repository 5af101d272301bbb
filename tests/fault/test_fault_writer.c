/* test_fault_writer.c -- the n-th request for memory fails, for n = 1, 2, 3 ... until the run
 * passes: each failure is a clean error, nothing leaks, and no file stands under its final name.
 * Once for the arena's requests and once for those of the JSON library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "formats/folder/hf_config.h"
#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "scratch.h"
#include "show.h"

static size_t json_fail_in; /* 0: off */

static void *json_malloc_failing(size_t n)
{
    return json_fail_in > 0 && --json_fail_in == 0 ? NULL : malloc(n);
}

typedef vq_status (*attempt)(scratch *s, vq_arena *a, vq_err *e);

static const char *const tensor_names[] = {"a.weight", "b.weight", "c"};
enum { TENSORS = 3, BYTES = 24 };

static vq_status write_all(vq_st_writer *w, const char *dir, vq_err *e)
{
    int64_t id[TENSORS];
    const uint8_t data[BYTES] = {1, 2, 3};
    for (size_t i = 0; i < TENSORS; i++) {
        VQ_TRY(vq_st_writer_declare(w, tensor_names[i], VQ_U8, (int64_t[]){4, 6}, 2, &id[i], e));
    }
    VQ_TRY(vq_st_writer_open(w, dir, BYTES, e));
    for (size_t i = 0; i < TENSORS; i++) VQ_TRY(vq_st_writer_write(w, id[i], 0, data, BYTES, e));
    const char *const *names;
    size_t n;
    return vq_st_writer_commit(w, &names, &n, e);
}

static vq_status write_model(scratch *s, vq_arena *a, vq_err *e)
{
    vq_st_writer *w;
    VQ_TRY(vq_st_writer_new(&w, a, e));
    const vq_status status = write_all(w, s->dir, e);
    vq_st_writer_drop(w);
    return status;
}

static vq_status read_model(scratch *s, vq_arena *a, vq_err *e)
{
    vq_tensor_set set;
    VQ_TRY(vq_tensor_set_open(&set, &vq_container_safetensors, s->dir, a, e));
    vq_tensor_set_close(&set);
    return VQ_OK;
}

static vq_status read_file(scratch *s, vq_arena *a, vq_err *e)
{
    vq_st_file f;
    VQ_TRY(vq_st_open(&f, scratch_path(s, "x.safetensors"), a, e));
    vq_st_close(&f);
    return VQ_OK;
}

static vq_status read_config(scratch *s, vq_arena *a, vq_err *e)
{
    (void)a;
    vq_hf_config c;
    VQ_TRY(vq_hf_config_read(&c, scratch_path(s, "config.json"), e));
    vq_hf_config_done(&c);
    return VQ_OK;
}

static size_t files_in(const scratch *s)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_list_dir(s->dir, &a, &names, &n, NULL), VQ_OK);
    vq_arena_done(&a);
    return n;
}

/* jansson sometimes takes a token that it cannot store for a broken one (VQ_E_INPUT), or goes on
 * without a byte of it (VQ_OK). */
static bool is_clean(vq_status s, bool in_json)
{
    return s == VQ_E_LIMIT || (in_json && (s == VQ_E_INPUT || s == VQ_OK));
}

/* Fails the n-th request of one kind until there is no n-th; `left` says how many files a failed
 * run may leave. Returns the number of requests. */
static size_t fail_each(scratch *s, attempt run, bool in_json, size_t left)
{
    for (size_t nth = 1;; nth++) {
        vq_budget budget = {.fail_in = in_json ? 0 : nth};
        json_fail_in = in_json ? nth : 0;
        vq_arena a;
        vq_err e = {0};
        vq_arena_init(&a, &budget);
        const vq_status status = run(s, &a, &e);
        const bool failed = in_json ? json_fail_in == 0 : budget.fail_in == 0;
        json_fail_in = 0;
        vq_arena_done(&a);
        assert_int_equal(budget.used, 0);
        if (!failed) {
            assert_int_equal(status, VQ_OK);
            return nth - 1;
        }
        if (!is_clean(status, in_json)) fail_msg("request %zu: status %d: %s", nth, status, e.text);
        assert_true(status == VQ_OK || e.text[0]);
        assert_int_equal(files_in(s), left);
    }
}

static void test_write(void **state)
{
    assert_gt(fail_each(*state, write_model, false, 0), 10);
}

static void test_write_json(void **state)
{
    json_set_alloc_funcs(json_malloc_failing, free);
    assert_gt(fail_each(*state, write_model, true, 0), 3);
}

static void put_model(scratch *s)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    assert_int_equal(write_model(s, &a, NULL), VQ_OK);
    vq_arena_done(&a);
}

static void test_read(void **state)
{
    put_model(*state);
    assert_gt(fail_each(*state, read_model, false, TENSORS + 1), 10);
    json_set_alloc_funcs(json_malloc_failing, free);
    assert_gt(fail_each(*state, read_model, true, TENSORS + 1), 30);
}

static void test_read_metadata(void **state)
{
    scratch_safetensors(*state, "x.safetensors",
                        "{\"__metadata__\":{\"format\":\"pt\",\"b\":\"c\"}}", -1, 0);
    assert_gt(fail_each(*state, read_file, false, 1), 3);
    json_set_alloc_funcs(json_malloc_failing, free);
    assert_gt(fail_each(*state, read_file, true, 1), 3);
}

static void test_read_config(void **state)
{
    scratch_text(
        *state, "config.json",
        "{\"model_type\":\"llama\",\"hidden_size\":8,\"intermediate_size\":8,\"num_hidden_layers\":"
        "1,"
        "\"num_attention_heads\":1,\"vocab_size\":8,\"eos_token_id\":[1,2],\"rope_theta\":5.5}");
    scratch_text(*state, "generation_config.json", "{\"eos_token_id\":3}");
    json_set_alloc_funcs(json_malloc_failing, free);
    assert_gt(fail_each(*state, read_config, true, 2), 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(test_write), TEST(test_write_json), TEST(test_read),
                                       TEST(test_read_metadata), TEST(test_read_config)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
