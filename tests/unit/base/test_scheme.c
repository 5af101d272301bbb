/* test_scheme.c -- the preset table by its text, and the families that are made from their name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/num.h"
#include "show.h"

#define MX(g) g " block:32 scale e8m0 rule bump", g " block:32 scale e8m0 dynamic rule bump"

static const struct {
    const char *id, *weight, *act;
} rows[] = {
    {"nvfp4", "e2m1 block:16 scale e4m3 global_scale f32",
     "e2m1 block:16 scale e4m3 global_scale f32 dynamic"},
    {"nvfp4a16", "e2m1 block:16 scale e4m3 global_scale f32", NULL},
    {"mxfp4", MX("e2m1")},
    {"mxfp4a16", "e2m1 block:32 scale e8m0 rule bump", NULL},
    {"mxfp6-e2m3", MX("e2m3")},
    {"mxfp6-e3m2", MX("e3m2")},
    {"mxfp8", MX("e4m3")},
    {"mxfp8a16", "e4m3 block:32 scale e8m0 rule bump", NULL},
    {"mxint8", MX("mxint8")},
    {"fp8", "e4m3 channel scale bf16", "e4m3 token scale f32 dynamic"},
    {"fp8-static", "e4m3 tensor scale bf16", "e4m3 tensor scale bf16"},
    {"fp8-block", "e4m3 block:128x128 scale bf16", "e4m3 block:128 scale f32 dynamic"},
    {"int8", "i8 channel scale bf16", "i8 token scale f32 dynamic"},
    {"int8-w8a16", "i8 channel scale bf16", NULL},
    {"int4-g32", "i4 block:32 scale bf16", NULL},
    {"int4-g64", "i4 block:64 scale bf16", NULL},
    {"int4-g128", "i4 block:128 scale bf16", NULL},
    {"int4-g32-asym", "i4 block:32 scale bf16 zero int", NULL},
    {"int4-g64-asym", "i4 block:64 scale bf16 zero int", NULL},
    {"int4-g128-asym", "i4 block:128 scale bf16 zero int", NULL},
    {"int3-g32", "i3 block:32 scale bf16", NULL},
    {"int8-chan-asym", "i8 channel scale bf16 zero int", NULL},
    {"int2-chan", "i2 channel scale bf16", NULL},
    {"int6-g48-asym", "i6 block:48 scale bf16 zero int", NULL},
    {"bfp12-64", "bfp4 block:64 scale e8m0", NULL},
    {"bfp12", "bfp4 block:64 scale e8m0", NULL},
    {"bfp24-16", "bfp16 block:16 scale e8m0", NULL},
};
#define ROWS ((int)(sizeof rows / sizeof rows[0]))
#define GENERATED 7

static void finds_every_row(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        char buf[160];
        vq_scheme made;
        const vq_scheme *s = vq_scheme_find(rows[i].id, &made);
        assert_non_null(s);
        assert_string_equal(s->id, rows[i].id);
        assert_true(s->has_weight);
        assert_string_equal(vq_num_text(&s->weight, buf, sizeof buf), rows[i].weight);
        assert_int_equal(s->has_act, rows[i].act != NULL);
        if (rows[i].act) assert_string_equal(vq_num_text(&s->act, buf, sizeof buf), rows[i].act);
    }
}

static void lists_the_table(void **state)
{
    (void)state;
    int n = 0;
    for (; vq_scheme_at(n); n++) assert_string_equal(vq_scheme_at(n)->id, rows[n].id);
    assert_int_equal(n, ROWS - GENERATED);
    assert_null(vq_scheme_at(-1));
}

/* The constants of the table are what the grid parser says. */
static void table_grids_are_the_parsers(void **state)
{
    (void)state;
    for (int i = 0; vq_scheme_at(i); i++) {
        char name[16];
        vq_grid g;
        const vq_grid *have = &vq_scheme_at(i)->weight.grid;
        assert_true(vq_grid_parse(vq_grid_name(have, name), &g));
        assert_true(vq_grid_equal(&g, have));
        assert_eq(g.max, have->max);
    }
}

static void refuses_others(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "nvfp",
                                        "NVFP4",
                                        "int4",
                                        "int1-g32",
                                        "int9-g32",
                                        "int4-g",
                                        "int4-g0",
                                        "int4-g032",
                                        "int4-g32-",
                                        "int4-g32-sym",
                                        "int4-chan-32",
                                        "int4-g1234567",
                                        "bfp9-64",
                                        "bfp25-64",
                                        "bfp12-",
                                        "bfp12-0",
                                        "bfp12-64x",
                                        "bfp",
                                        "int04-g32",
                                        "int4-g32-asym-and-a-very-long-tail"};
    vq_scheme buf;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (vq_scheme_find(wrong[i], &buf)) fail_msg("'%s' was taken for a scheme", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_row),
        cmocka_unit_test(lists_the_table),
        cmocka_unit_test(table_grids_are_the_parsers),
        cmocka_unit_test(refuses_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
