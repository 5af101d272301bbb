/* test_self_text.c -- the model's own text: repeatable, the same in every batching and thread
 * count, distributed as its softmax says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "calib/self_text.h"
#include "calib_world.h"
#include "decoder_reference.h"
#include "show.h"

/* Texts that begin with id 5 and whatever else is given. */
static vq_status write_given(const decoder_world *w, vq_self_texts *t, const int64_t *given,
                             const vq_reporter *reporter, vq_arena *a, vq_err *e)
{
    int64_t *ones = VQ_ALLOC(a, int64_t, t->count, "ones", e);
    if (!ones) return e->status;
    for (int64_t i = 0; i < t->count; i++) ones[i] = 1;
    t->given = given ? given : ones;
    t->ids = VQ_ALLOC(a, int32_t, t->count * t->length, "ids", e);
    if (!t->ids) return e->status;
    for (int64_t i = 0; i < t->count; i++)
        for (int64_t k = 0; k < t->given[i]; k++) t->ids[i * t->length + k] = 5 + (int32_t)k;
    return vq_calib_self(&w->exec, t, reporter, a, e);
}

static vq_status write_text(const decoder_world *w, vq_budget *budget, vq_self_texts *t,
                            vq_arena *a, vq_err *e)
{
    vq_arena_init(a, budget);
    t->temperature = t->temperature != 0 ? t->temperature : 1;
    return write_given(w, t, NULL, NULL, a, e);
}

static void test_repeatable(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_err e = {0};
    vq_self_texts one = {.count = 7, .length = 20, .seed = 1}, two = one, other = one, few = one;
    few.count = 3;
    other.seed = 2;
    vq_arena a, b, c, d;
    vq_budget tight = {.limit = 200 << 10};
    if (write_text(&w, NULL, &one, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    const int before = omp_get_max_threads();
    omp_set_num_threads(3);
    if (write_text(&w, &tight, &two, &b, &e) != VQ_OK) fail_msg("%s", e.text); /* several batches */
    omp_set_num_threads(before);
    assert_memory_equal(one.ids, two.ids, 7 * 20 * sizeof(int32_t));
    assert_int_equal(write_text(&w, NULL, &few, &c, &e), VQ_OK);
    assert_memory_equal(one.ids, few.ids,
                        3 * 20 *
                            sizeof(int32_t)); /* a sample does not depend on how many there are */
    assert_int_equal(write_text(&w, NULL, &other, &d, &e), VQ_OK);
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
static void expect_distribution(double temperature)
{
    enum { COUNT = 4000 };
    decoder_world w;
    calib_open(&w, "llama", 0);
    const reference r = {.config = &w.config, .weights = &w.weights};
    double logits[64], sum = 0, chi = 0;
    int32_t start = 5;
    ref_logits(&r, &start, 1, logits);
    vq_err e = {0};
    vq_self_texts s = {.count = COUNT, .length = 2, .seed = 9, .temperature = temperature};
    vq_arena a;
    if (write_text(&w, NULL, &s, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    int seen[64] = {0}, cells = 0;
    for (int i = 0; i < COUNT; i++) seen[s.ids[2 * i + 1]]++;
    for (int64_t v = 0; v < w.config.vocab; v++) sum += exp(logits[v] / temperature);
    for (int64_t v = 0; v < w.config.vocab; v++) {
        const double want = COUNT * exp(logits[v] / temperature) / sum;
        if (want < 5) continue;
        chi += (seen[v] - want) * (seen[v] - want) / want;
        cells++;
    }
    assert_ge(cells, 3);
    assert_lt(chi, cells + 5 * sqrt(2.0 * cells)); /* five standard deviations */
    vq_arena_done(&a);
    world_close(&w);
}

static void test_distribution(void **state)
{
    (void)state;
    expect_distribution(1);
    expect_distribution(0.5);
}

/* What is given stays; a text does not depend on how much is given of another; and one that goes on
 * from what another wrote writes the same. */
static void test_given(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_err e = {0};
    vq_arena a;
    static const int64_t mixed[] = {1, 4, 12, 1}, same[] = {4, 4, 4, 4};
    vq_self_texts one = {.count = 4, .length = 12, .seed = 7, .temperature = 1}, two = one;
    vq_arena_init(&a, NULL);
    if (write_given(&w, &one, mixed, NULL, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    if (write_given(&w, &two, same, NULL, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int k = 0; k < 12; k++) assert_int_equal(one.ids[2 * 12 + k], 5 + k);
    assert_memory_equal(one.ids + 12, two.ids + 12, 12 * sizeof *one.ids);
    vq_arena_done(&a);
    world_close(&w);
}

static void test_distinct(void **state)
{
    (void)state;
    static const int32_t loop[] = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2},
                         fresh[] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_near(vq_calib_self_distinct(loop, 10), 2.0 / 7, 1e-12);
    assert_near(vq_calib_self_distinct(fresh, 8), 1, 0);
    assert_near(vq_calib_self_distinct(fresh, 3), 1, 0);
}

static void test_failures(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_err e = {0};
    vq_self_texts s = {.count = 2, .length = 8, .seed = 1};
    vq_arena a;
    memory_data(&w.weights, "lm_head.weight")[3] = NAN;
    assert_int_equal(write_text(&w, NULL, &s, &a, &e), VQ_E_NUMERIC);
    vq_arena_done(&a);
    vq_budget none = {.limit = 1};
    assert_int_equal(write_text(&w, &none, &s, &a, &e), VQ_E_LIMIT);
    vq_arena_done(&a);
    const volatile sig_atomic_t stop = 1;
    const vq_reporter reporter = {.stop = &stop};
    vq_arena_init(&a, NULL);
    assert_int_equal(write_given(&w, &s, NULL, &reporter, &a, &e), VQ_E_STOPPED);
    vq_arena_done(&a);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeatable), cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_given), cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
