/* test_sampling.c -- which tokens can be drawn, and how often: against the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "run/generate/sampling.h"

enum { VOCAB = 6, DRAWS = 20000 };
/* softmax: .03 .4 .2 .3 .05 .02, by hand */
static const double mass[VOCAB] = {.03, .4, .2, .3, .05, .02};

static void logits_of(float *logits)
{
    for (int v = 0; v < VOCAB; v++) logits[v] = (float)log(mass[v]) + 3;
}

static void share(const vq_sampling *s, double got[VOCAB])
{
    float logits[VOCAB];
    vq_candidate room[VOCAB];
    logits_of(logits);
    for (int v = 0; v < VOCAB; v++) got[v] = 0;
    for (uint64_t i = 0; i < DRAWS; i++) got[vq_sample(s, logits, VOCAB, i, room)] += 1. / DRAWS;
}

/* want sums to 1; four standard errors of a share. */
static void check(const char *name, const vq_sampling *s, const double want[VOCAB])
{
    double got[VOCAB];
    share(s, got);
    for (int v = 0; v < VOCAB; v++) {
        const double error = 4 * sqrt(want[v] * (1 - want[v]) / DRAWS) + 1e-9;
        if (!(fabs(got[v] - want[v]) <= error))
            fail_msg("%s: token %d is drawn %.4f of the time, not %.4f", name, v, got[v], want[v]);
    }
}

static void test_draws(void **state)
{
    (void)state;
    double half[VOCAB], sum = 0; /* temperature 2: square roots */
    for (int v = 0; v < VOCAB; v++) sum += sqrt(mass[v]);
    for (int v = 0; v < VOCAB; v++) half[v] = sqrt(mass[v]) / sum;
    check("all", &(vq_sampling){1, 1, 0, 7}, mass);
    check("temperature 2", &(vq_sampling){2, 1, 0, 8}, half);
    check("top 2", &(vq_sampling){1, 1, 2, 9}, (double[]){0, 4. / 7, 0, 3. / 7, 0, 0});
    /* .4 + .3 have .7: the third is needed for .75, not for .69 */
    check("mass .75", &(vq_sampling){1, .75, 0, 1}, (double[]){0, 4. / 9, 2. / 9, 3. / 9, 0, 0});
    check("mass .69", &(vq_sampling){1, .69, 0, 2}, (double[]){0, 4. / 7, 0, 3. / 7, 0, 0});
    /* .4 of the .7 that top 2 leaves is more than .5 */
    check("both", &(vq_sampling){1, .5, 2, 3}, (double[]){0, 1, 0, 0, 0, 0});
    check("no mass", &(vq_sampling){1, 0, 0, 4}, (double[]){0, 1, 0, 0, 0, 0});
}

static void test_greedy(void **state)
{
    (void)state;
    const vq_sampling s = {.temperature = 0};
    assert_int_equal(vq_sample(&s, (float[]){1, 5, 2, 5}, 4, 0, NULL), 1);
    assert_int_equal(vq_sample(&s, (float[]){-INFINITY, -3}, 2, 0, NULL), 1);
    assert_int_equal(vq_sample(&s, (float[]){1, NAN, 9}, 3, 0, NULL), -1);
    assert_int_equal(vq_sample(&s, (float[]){-INFINITY, -INFINITY}, 2, 0, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws), cmocka_unit_test(test_greedy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
