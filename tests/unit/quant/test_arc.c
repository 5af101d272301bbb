/* test_arc.c -- order, counts, augmented layout, and the transform's options, on made-up
 * statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "quant/transform.h"
#include "show.h"

static vq_arena arena;
static vq_err err;

static int setup(void **state)
{
    (void)state;
    vq_arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

static void test_order(void **state)
{
    static const float absmax[] = {3, 1, 2, 1, 0, 9};
    static const int32_t want[] = {4, 1, 3, 2, 0, 5};
    int32_t order[6];
    (void)state;
    assert_int_equal(vq_arc_order(absmax, 6, order, &arena, &err), VQ_OK);
    assert_memory_equal(order, want, sizeof want);
}

static void test_counts(void **state)
{
    float absmax[100] = {0};
    vq_stats s = {.k = 100, .tokens = 10, .absmax = absmax};
    (void)state;
    assert_int_equal(vq_arc_count_official(&s), 0);
    assert_int_equal(vq_arc_count_paper(&s), 0);
    s.tail_count = 1;
    assert_int_equal(vq_arc_count_official(&s), 64);
    s.tail_count = 640;
    assert_int_equal(vq_arc_count_official(&s), 64);
    s.tail_count = 641;
    assert_int_equal(vq_arc_count_official(&s), 100);
    absmax[0] = 8;
    absmax[1] = 1;
    assert_int_equal(vq_arc_count_paper(&s), 16); /* exactly an eighth is not above it */
    for (int i = 1; i < 18; i++) absmax[i] = 1.001F;
    assert_int_equal(vq_arc_count_paper(&s), 32);
    for (int i = 1; i < 100; i++) absmax[i] = 5;
    assert_int_equal(vq_arc_count_paper(&s), 100);
    s.tokens = 0;
    assert_int_equal(vq_arc_count_official(&s), 0);
}

/* Blocks numbered by their first code: P0 P1 | P2 R2 P3 R3. */
static void test_augment(void **state)
{
    vq_scheme buf;
    const vq_num *num = &vq_scheme_find("nvfp4", &buf)->weight;
    vq_qtensor q, out;
    (void)state;
    assert_int_equal(vq_qtensor_new(&q, num, 3, 64, &arena, &err), VQ_OK);
    for (int64_t i = 0; i < 3 * 64; i++)
        q.codes[i] = (uint8_t)((i / 64 * 5 + i % 64 / 16 * 3 + i) % 16);
    for (int64_t g = 0; g < q.groups; g++) q.scale[g] = (float)(g + 1);
    q.global_scale = 0.5F;
    assert_int_equal(vq_arc_augment(&q, 32, &out, &arena, &err), VQ_OK);
    assert_int_equal(out.cols, 96);
    assert_eq(out.global_scale, 0.5F);
    static const int from[] = {0, 1, 2, 2, 3, 3};
    for (int r = 0; r < 3; r++) {
        for (int b = 0; b < 6; b++) {
            assert_memory_equal(out.codes + r * 96 + b * 16, q.codes + r * 64 + from[b] * 16, 16);
            assert_eq(out.scale[r * 6 + b], q.scale[r * 4 + from[b]]);
        }
    }
    assert_int_equal(vq_arc_augment(&q, 0, &out, &arena, &err), VQ_OK);
    assert_memory_equal(out.codes, q.codes, 3 * 64);
    assert_int_equal(vq_arc_augment(&q, 64, &out, &arena, &err), VQ_OK);
    assert_int_equal(out.cols, 128);
    assert_int_equal(vq_arc_augment(&q, 80, &out, &arena, &err), VQ_E_BUG);
    assert_int_equal(vq_arc_augment(&q, 8, &out, &arena, &err), VQ_E_BUG);
}

/* Any format in 1 x n blocks: wider blocks, zero points, codes of two bytes. */
static void test_augment_formats(void **state)
{
    static const char *const schemes[] = {"mxfp4", "mxfp8", "int4-g32-asym", "bfp12-32",
                                          "bfp20-32"};
    static const int from[] = {0, 1, 2, 2};
    (void)state;
    for (int i = 0; i < 5; i++) {
        vq_scheme buf;
        vq_qtensor q, out;
        assert_int_equal(
            vq_qtensor_new(&q, &vq_scheme_find(schemes[i], &buf)->weight, 3, 96, &arena, &err),
            VQ_OK);
        const size_t size = q.codes16 ? 2 : 1;
        uint8_t *codes = q.codes16 ? (uint8_t *)q.codes16 : q.codes;
        for (size_t j = 0; j < 3 * 96 * size; j++) codes[j] = (uint8_t)(j * 7 % 11);
        for (int64_t g = 0; g < q.groups; g++) q.scale[g] = (float)(g + 1);
        for (int64_t g = 0; q.zero && g < q.groups; g++) q.zero[g] = (int16_t)(g - 4);
        assert_int_equal(vq_arc_augment(&q, 32, &out, &arena, &err), VQ_OK);
        const uint8_t *got = out.codes16 ? (const uint8_t *)out.codes16 : out.codes;
        for (int r = 0; r < 3; r++)
            for (int b = 0; b < 4; b++) {
                const size_t at = (size_t)(r * 128 + b * 32) * size,
                             source = (size_t)(r * 96 + from[b] * 32) * size;
                assert_memory_equal(got + at, codes + source, 32 * size);
                assert_eq(out.scale[r * 4 + b], q.scale[r * 3 + from[b]]);
                if (q.zero) assert_int_equal(out.zero[r * 4 + b], q.zero[r * 3 + from[b]]);
            }
        assert_int_equal(vq_arc_augment(&q, 16, &out, &arena, &err), VQ_E_BUG);
    }
}

static void test_applies(void **state)
{
    vq_scheme buf;
    const vq_transform *arc = vq_transform_find("arc");
    (void)state;
    assert_int_equal(arc->applies(NULL, vq_scheme_find("nvfp4", &buf), 64, &err), VQ_OK);
    assert_int_equal(arc->applies(NULL, vq_scheme_find("nvfp4", &buf), 72, &err), VQ_E_RECIPE);
    assert_string_equal(err.text, "arc needs a multiple of 16 input channels, not 72");
    assert_int_equal(arc->applies(NULL, vq_scheme_find("nvfp4a16", &buf), 64, &err), VQ_E_RECIPE);
    assert_int_equal(arc->applies(NULL, vq_scheme_find("mxfp4", &buf), 64, &err), VQ_OK);
    assert_int_equal(arc->applies(NULL, vq_scheme_find("mxfp8", &buf), 80, &err), VQ_E_RECIPE);
    assert_string_equal(err.text, "arc needs a multiple of 32 input channels, not 80");
    assert_int_equal(arc->applies(NULL, vq_scheme_find("int8", &buf), 64, &err), VQ_E_RECIPE);
    vq_scheme mixed = *vq_scheme_find("mxfp8", &buf);
    mixed.weight = vq_scheme_find("int4-g32-asym", &buf)->weight;
    assert_int_equal(arc->applies(NULL, &mixed, 64, &err), VQ_OK);
    mixed.act.zero = VQ_ZERO_INT;
    assert_int_equal(arc->applies(NULL, &mixed, 64, &err), VQ_E_RECIPE);
    mixed = *vq_scheme_find("mxfp8", &buf);
    mixed.weight.group.cols = 16;
    assert_int_equal(arc->applies(NULL, &mixed, 64, &err), VQ_E_RECIPE);
}

static int64_t count_of(const char *scheme, const char *count, const char *granularity,
                        const char *fraction, const vq_stats *s)
{
    const vq_transform *arc = vq_transform_find("arc");
    vq_option_set options;
    vq_option_defaults(&options, arc->options);
    assert_int_equal(vq_option_parse(&options, "count", count, &err), VQ_OK);
    assert_int_equal(vq_option_parse(&options, "granularity", granularity, &err), VQ_OK);
    assert_int_equal(vq_option_parse(&options, "max_fraction", fraction, &err), VQ_OK);
    vq_scheme buf;
    vq_transform_job job = {
        .options = &options, .stats = s, .scheme = vq_scheme_find(scheme, &buf), .arena = &arena};
    assert_int_equal(arc->run(&job, &err), VQ_OK);
    if (job.map.s)
        assert_int_equal(job.map.order[s->k - 1], 0);
    else
        assert_null(job.map.order);
    return job.map.s;
}

static int64_t count_with(const char *count, const char *granularity, const char *fraction,
                          const vq_stats *s)
{
    return count_of("nvfp4", count, granularity, fraction, s);
}

/* One token that stands out does not make its channel the largest by mean. */
static void test_by_mean(void **state)
{
    float absmax[32] = {80};
    double sums[32] = {100};
    vq_scheme buf;
    const vq_transform *arc = vq_transform_find("arc");
    vq_option_set options;
    (void)state;
    for (int i = 1; i < 32; i++) absmax[i] = (float)i, sums[i] = 200 + (i * 7) % 32;
    const vq_stats s = {.k = 32, .tokens = 100, .absmax = absmax, .abs_sum = sums};
    vq_option_defaults(&options, arc->options);
    assert_int_equal(vq_option_parse(&options, "count", "all", &err), VQ_OK);
    assert_int_equal(vq_option_parse(&options, "by", "mean", &err), VQ_OK);
    assert_int_equal(arc->needs(&options), VQ_NEED_RANGE | VQ_NEED_MEAN);
    vq_transform_job job = {.options = &options,
                            .stats = &s,
                            .scheme = vq_scheme_find("nvfp4", &buf),
                            .arena = &arena,
                            .scratch = &arena};
    assert_int_equal(arc->run(&job, &err), VQ_OK);
    assert_int_equal(job.map.order[0], 0);
    for (int i = 1; i < 32; i++) assert_int_equal((job.map.order[i] * 7) % 32, i);
}

static void test_options(void **state)
{
    float absmax[576] = {80};
    vq_stats s = {.k = 576, .tokens = 100, .absmax = absmax, .tail_count = 6401};
    (void)state;
    for (int i = 1; i < 576; i++) absmax[i] = i < 20 ? 11 : 1;
    assert_int_equal(count_with("official", "16", "1", &s), 128);
    assert_int_equal(count_with("paper", "16", "1", &s), 32);
    assert_int_equal(count_with("paper", "64", "1", &s), 64);
    assert_int_equal(count_of("mxfp4", "paper", "16", "1", &s), 32); /* whole blocks */
    assert_int_equal(count_of("mxfp4", "all", "16", "0.1", &s), 32);
    assert_int_equal(count_of("mxfp4", "all", "64", "0.1", &s), 0);
    s.tail_count = 100 * 576;
    assert_int_equal(count_with("official", "16", "1", &s), 576);
    assert_int_equal(count_with("official", "16", "0.25", &s), 144);
    assert_int_equal(count_with("official", "64", "0.25", &s), 128);
    assert_int_equal(count_with("official", "16", "0", &s), 0);
}

static void test_registry(void **state)
{
    (void)state;
    for (int i = 0; vq_transform_at(i); i++)
        assert_ptr_equal(vq_transform_find(vq_transform_at(i)->name), vq_transform_at(i));
    assert_null(vq_transform_find("gps"));
    assert_null(vq_transform_at(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_augment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_applies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_registry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_augment_formats, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
