/* test_sample_set.c -- how many samples come from each source, and in which order they are mixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "plan/sample_set.h"
#include "show.h"

typedef struct apportioning {
    double shares[4]; /* 0: not said */
    int n;
    int64_t samples, counts[4]; /* counts[0] < 0: refused */
} apportioning;

static void expect(const apportioning *c)
{
    vq_calib_source list[4] = {0};
    vq_recipe r = {.calib = {.samples = c->samples}};
    const vq_plan p = {.recipe = &r};
    int64_t counts[4] = {0};
    vq_arena a;
    vq_err e = {0};
    vq_arena_init(&a, NULL);
    for (int i = 0; i < c->n; i++) list[i] = (vq_calib_source){.path = "x", .share = c->shares[i]};
    const vq_status s = vq_sources_samples(&p, (vq_calib_sources){list, c->n}, counts, &a, &e);
    if ((s == VQ_OK) != (c->counts[0] >= 0)) fail_msg("status %d: %s", s, e.text);
    for (int i = 0; s == VQ_OK && i < c->n; i++) assert_eq(counts[i], c->counts[i]);
    vq_arena_done(&a);
}

/* Hamilton's method by hand: whole parts, then the largest remainders. */
static void test_shares(void **state)
{
    (void)state;
    const apportioning cases[] = {
        {{0}, 1, 32, {32}},
        {{0, 0, 0}, 3, 64, {22, 21, 21}},
        {{0.5, 0, 0}, 3, 64, {32, 16, 16}},
        {{0.1, 0.2, 0.7}, 3, 64, {6, 13, 45}}, /* 6.4, 12.8, 44.8 */
        {{0.25, 0.25, 0.25, 0.25}, 4, 10, {3, 3, 2, 2}},
        {{0.01, 0}, 2, 32, {-1}}, /* less than a sample */
        {{0.5}, 1, 32, {-1}},
        {{0.6, 0.6}, 2, 32, {-1}},
        {{0.6, 0.4, 0}, 3, 32, {-1}}, /* nothing left for the third */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(&cases[i]);
}

/* Any first k of the order hold each part's share of k, to one sample. */
static void test_order(void **state)
{
    (void)state;
    const vq_sample_part parts[] = {
        {.samples = 32}, {.samples = 8}, {.samples = 1}, {.samples = 23}};
    int64_t had[4] = {0};
    for (int k = 1; k <= 64; k++) {
        had[vq_samples_next(parts, had, 4)]++;
        for (int i = 0; i < 4; i++)
            assert_near((double)had[i], (double)(k * parts[i].samples) / 64, 1.0);
    }
    for (int i = 0; i < 4; i++) assert_eq(had[i], parts[i].samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
