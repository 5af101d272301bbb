/* test_source_coverage.c -- whose half a sample is; means and extremes over made-up inputs; what is
 * said about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "run/calibrate/source_coverage.h"
#include "show.h"

static void test_halves_by_turns(void **state)
{
    (void)state;
    static const vq_sample_part parts[] = {{.samples = 4}, {.samples = 2}, {.samples = 1}};
    const vq_sample_set set = {.samples = {.count = 7, .length = 2}, .parts = parts, .nparts = 3};
    int64_t had[3] = {0};
    vq_arena a;
    vq_err e;
    vq_coverage c;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_source_coverage_begin(&c, &set, &a, &a, &e), VQ_OK);
    assert_eq(c.sources, 3);
    for (int i = 0; i < 7; i++) {
        const int part = vq_samples_next(parts, had, 3);
        assert_eq(c.half[i] / 2, part);
        assert_eq((int64_t)(c.half[i] % 2), had[part]++ % 2);
    }
    for (int i = 0; i < 3; i++) assert_eq(had[i], parts[i].samples);
    vq_arena_done(&a);
}

/* Two sources, two inputs and between them that of an expert, which is not measured. */
static void test_over_inputs(void **state)
{
    (void)state;
    static const double one_angles[] = {0, 10, 10, 0}, one_others[] = {34, 10},
                        one_halves[] = {33, NAN}, two_angles[] = {0, 30, 30, 0},
                        two_others[] = {30, NAN}, two_halves[] = {6, NAN};
    static const int64_t one_alone[] = {2, 0}, two_alone[] = {3, 0};
    vq_covered inputs[] = {{"one", 0, 8, one_angles, one_others, one_halves, one_alone},
                           {0},
                           {"two", 5, 8, two_angles, two_others, two_halves, two_alone}};
    vq_arena a;
    vq_err e;
    vq_coverage_result r;
    vq_arena_init(&a, NULL);
    vq_coverage c = {.sources = 2, .arena = &a, .inputs = inputs, .ninputs = 3};
    assert_int_equal(vq_source_coverage_end(&c, &r, &e), VQ_OK);
    assert_eq(r.ninputs, 2);
    assert_string_equal(r.inputs[1].name, "two");
    const vq_source_coverage *s = r.sources;
    assert_near(s[0].angles[1], 20.0, 1e-12);
    assert_near(s[0].others, 32.0, 1e-12);
    assert_near(s[0].halves, 19.5, 1e-12);
    assert_near(s[0].farthest_angle, 30.0, 1e-12);
    assert_string_equal(s[0].farthest->name, "two");
    assert_eq(s[0].alone, (int64_t)5);
    assert_eq(s[0].alone_most->layer, 5);
    assert_near(s[1].others, 10.0, 1e-12);
    assert_string_equal(s[1].farthest->name, "one");
    assert_true(isnan(s[1].halves));
    assert_null(s[1].alone_most);
    vq_arena_done(&a);
}

static char said[256];
static void note(void *ctx, const char *code, const char *where, const char *text)
{
    (void)ctx, (void)text;
    const size_t used = strlen(said);
    (void)snprintf(said + used, sizeof said - used, "%s %s;", code, where);
}

/* Three sources with these angles (b to a, c to a and b), halves and samples. */
static const char *warnings(double ab, double far, const double halves[3], int64_t few)
{
    const double angles[3][3] = {{0, ab, far}, {ab, 0, far}, {far, far, 0}};
    const vq_source_coverage sources[] = {
        {.angles = angles[0], .others = far / 2, .halves = halves[0]},
        {.angles = angles[1], .others = far / 2, .halves = halves[1]},
        {.angles = angles[2], .others = far, .halves = halves[2]}};
    const vq_sample_part parts[] = {
        {.path = "a", .samples = 20}, {.samples = 20}, {.path = "c", .samples = few}};
    const vq_coverage_result r = {.sources = sources, .nsources = 3};
    const vq_reporter reporter = {.warning = note};
    *said = 0;
    vq_source_coverage_warn(&r, parts, &reporter);
    return said;
}

static void test_what_is_to_be_done(void **state)
{
    (void)state;
    static const double close[] = {4, 5, 6}, loose[] = {26, 27, 28}, lone[] = {4, NAN, NAN};
    assert_string_equal(warnings(30, 40, close, 20), "");
    assert_string_equal(warnings(3, 40, close, 20), "sources-alike self;");
    assert_string_equal(warnings(4.5, 40, close, 20), "");
    assert_string_equal(warnings(3, 60, loose, 20), "");
    assert_string_equal(warnings(3, 40, lone, 20), "");
    assert_string_equal(warnings(30, 40, close, 7), "source-far c;");
    assert_string_equal(warnings(30, 40, close, 8), "");
    assert_string_equal(warnings(9, 8.5, close, 7), "");
    assert_string_equal(warnings(30, 40, lone, 7), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_halves_by_turns),
                                       cmocka_unit_test(test_over_inputs),
                                       cmocka_unit_test(test_what_is_to_be_done)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
