/* test_self_text.c -- the model's own text: repeatable, the same in every batching and thread
 * count, distributed as its softmax says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "calib/calibrate.h"
#include "calib_world.h"
#include "decoder_reference.h"
#include "show.h"

static vq_status write_text(const decoder_world *w, vq_budget *budget, uint64_t seed, vq_samples *s,
                            vq_arena *a, vq_err *e)
{
    vq_arena_init(a, budget);
    return vq_calib_self(&w->exec, 5, seed, s, NULL, a, e);
}

static void test_repeatable(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_err e = {0};
    vq_samples one = {.count = 7, .length = 20}, two = one, other = one,
               few = {.count = 3, .length = 20};
    vq_arena a, b, c, d;
    vq_budget tight = {.limit = 200 << 10};
    if (write_text(&w, NULL, 1, &one, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    const int before = omp_get_max_threads();
    omp_set_num_threads(3);
    if (write_text(&w, &tight, 1, &two, &b, &e) != VQ_OK)
        fail_msg("%s", e.text); /* several batches */
    omp_set_num_threads(before);
    assert_memory_equal(one.ids, two.ids, 7 * 20 * sizeof(int32_t));
    assert_int_equal(write_text(&w, NULL, 1, &few, &c, &e), VQ_OK);
    assert_memory_equal(one.ids, few.ids,
                        3 * 20 *
                            sizeof(int32_t)); /* a sample does not depend on how many there are */
    assert_int_equal(write_text(&w, NULL, 2, &other, &d, &e), VQ_OK);
    assert_memory_not_equal(one.ids, other.ids, 7 * 20 * sizeof(int32_t));
    for (int i = 0; i < 7; i++) assert_int_equal(one.ids[i * 20], 5);
    for (int i = 0; i < 7 * 20; i++) {
        assert_ge(one.ids[i], 0);
        assert_lt(one.ids[i], w.config.vocab);
    }
    vq_arena_done(&a);
    vq_arena_done(&b);
    vq_arena_done(&c);
    vq_arena_done(&d);
    world_close(&w);
}

/* Second ids of many samples against the probabilities of the reference: chi-square over the likely
 * ids. */
static void test_distribution(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    decoder_world w;
    calib_open(&w, "llama", 0);
    const reference r = {.config = &w.config, .weights = &w.weights};
    double logits[64], sum = 0, chi = 0;
    int32_t start = 5;
    ref_logits(&r, &start, 1, logits);
    vq_err e = {0};
    vq_samples s = {.count = COUNT, .length = 2};
    vq_arena a;
    if (write_text(&w, NULL, 9, &s, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    int seen[64] = {0}, cells = 0;
    for (int i = 0; i < COUNT; i++) seen[s.ids[2 * i + 1]]++;
    for (int64_t v = 0; v < w.config.vocab; v++) sum += exp(logits[v]);
    for (int64_t v = 0; v < w.config.vocab; v++) {
        const double want = COUNT * exp(logits[v]) / sum;
        if (want < 5) continue;
        chi += (seen[v] - want) * (seen[v] - want) / want;
        cells++;
    }
    assert_ge(cells, 3);
    assert_lt(chi, cells + 5 * sqrt(2.0 * cells)); /* five standard deviations */
    vq_arena_done(&a);
    world_close(&w);
}

static void test_failures(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_err e = {0};
    vq_samples s = {.count = 2, .length = 8};
    vq_arena a;
    memory_data(&w.weights, "lm_head.weight")[3] = NAN;
    assert_int_equal(write_text(&w, NULL, 1, &s, &a, &e), VQ_E_NUMERIC);
    vq_arena_done(&a);
    vq_budget none = {.limit = 1};
    assert_int_equal(write_text(&w, &none, 1, &s, &a, &e), VQ_E_LIMIT);
    vq_arena_done(&a);
    const volatile sig_atomic_t stop = 1;
    const vq_reporter reporter = {.stop = &stop};
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_calib_self(&w.exec, 5, 1, &s, &reporter, &a, &e), VQ_E_STOPPED);
    vq_arena_done(&a);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_repeatable),
                                       cmocka_unit_test(test_distribution),
                                       cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
