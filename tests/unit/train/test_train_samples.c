/* test_train_samples.c -- samples for training and held-out ones: apart, all of them used, found
 * again in the calibration's batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calib_world.h"
#include "train/train_samples.h"

static void test_split(void **state)
{
    (void)state;
    vq_arena a;
    vq_err e;
    vq_train_samples s, other;
    int seen[40] = {0};
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_train_samples_split(&s, 40, 10, 1000, 7, &a, &e), VQ_OK);
    assert_int_equal(s.held, 5);
    for (int64_t i = 0; i < s.held; i++) seen[s.order[i]]++;
    for (int64_t i = 0; i < 35; i++) seen[vq_train_sample(&s, i)]++;
    for (int i = 0; i < 40; i++) assert_int_equal(seen[i], 1);
    assert_int_equal(vq_train_sample(&s, 35), vq_train_sample(&s, 0));
    assert_int_equal(vq_train_samples_split(&other, 40, 10, 20, 8, &a, &e), VQ_OK);
    assert_int_equal(other.held, 2);
    assert_memory_not_equal(s.order, other.order, 40 * sizeof *s.order);
    assert_int_equal(vq_train_samples_split(&other, 1, 10, 1000, 8, &a, &e), VQ_OK);
    assert_int_equal(other.held, 1);
    assert_int_equal(vq_train_sample(&other, 3), 0);
    assert_int_equal(vq_train_samples_split(&other, 0, 10, 1000, 8, &a, &e), VQ_E_INPUT);
    vq_arena_done(&a);
}

/* The embedding of each sample's ids, whatever batch it lies in. */
static void test_copy(void **state)
{
    (void)state;
    static decoder_world w;
    vq_err e;
    vq_calib *c;
    vq_train_samples s;
    float got[WORLD_TOKENS * 32], want[WORLD_TOKENS * 32];
    calib_open(&w, "llama", 0);
    const vq_samples samples = {.ids = w.ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    const vq_calib_options o = {
        .spool_path = "/tmp", .spool_bytes = 1 << 20, .batch_tokens = 2 * WORLD_TOKENS};
    assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_train_samples_init(&s, c, 1000, 1, &w.arena, &e), VQ_OK);
    assert_int_equal(s.count, WORLD_SAMPLES);
    assert_int_equal(s.length, WORLD_TOKENS);
    for (int64_t i = 0; i < WORLD_SAMPLES; i++) {
        const vq_batch b = {.sequences = 1, .length = WORLD_TOKENS};
        assert_int_equal(vq_exec_embed(&w.exec, &b, w.ids + i * WORLD_TOKENS, want, &e), VQ_OK);
        assert_int_equal(vq_train_samples_copy(&s, c, false, i, 32, got, &e), VQ_OK);
        assert_memory_equal(got, want, sizeof got);
    }
    vq_calib_end(c);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split), cmocka_unit_test(test_copy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
