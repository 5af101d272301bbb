/* test_num.c -- every code of every grid: names, decoding and encoding are inverse, order, ties,
 * saturation, nearest by search. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num/num.h"
#include "show.h"

/* Every grid that there is: those of the table, and those that are made from a name. */
static char grids[192][16];
static size_t ngrids;

static void add_grid(const char *name)
{
    vq_grid g;
    if (!vq_grid_parse(name, &g)) return;
    assert_lt(ngrids, sizeof grids / sizeof *grids);
    snprintf(grids[ngrids++], sizeof *grids, "%s", name);
}

static int list_grids(void **state)
{
    char name[16];
    (void)state;
    for (int i = 0; vq_grid_at(i); i++) add_grid(vq_grid_at(i));
    const size_t named = ngrids;
    static const char *const families[] = {"i%d", "u%d", "bfp%d"};
    for (int f = 0; f < 3; f++)
        for (int bits = 0; bits <= 20; bits++) {
            snprintf(name, sizeof name, families[f], bits);
            add_grid(name);
        }
    for (int e = 0; e <= 9; e++)
        for (int m = 0; m <= 16; m++) {
            snprintf(name, sizeof name, "e%dm%d", e, m);
            add_grid(name);
        }
    assert_ge(named, 9);
    assert_ge(ngrids, named + 100);
    return 0;
}

static vq_grid grid(const char *name)
{
    vq_grid g;
    if (!vq_grid_parse(name, &g)) fail_msg("%s is no grid", name);
    return g;
}

static bool has_sign_bit(const vq_grid *g)
{
    return g->kind == VQ_GRID_FLOAT && g->is_signed;
}

/* The finite values of a grid in rising order, one code each (of a float's two zeros, the positive
 * one). */
static uint32_t rising(const vq_grid *g, uint32_t *codes)
{
    const uint32_t half = 1U << (g->bits - 1),
                   top = g->kind == VQ_GRID_INT && g->is_signed ? half : 0;
    uint32_t n = 0;
    if (has_sign_bit(g))
        for (uint32_t c = g->max_code; c > 0; c--) codes[n++] = half | c;
    for (uint32_t i = 0; i < 2 * half; i++) {
        const uint32_t c = (i + top) & (2 * half - 1);
        if (g->kind == VQ_GRID_FLOAT && c > g->max_code) break;
        if (g->bfp && c == half) continue; /* symmetric: the lowest code is not used */
        codes[n++] = c;
    }
    return n;
}

static void names_are_inverse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ngrids; i++) {
        char name[16];
        const vq_grid g = grid(grids[i]);
        assert_string_equal(vq_grid_name(&g, name), grids[i]);
        const vq_grid again = grid(name);
        assert_true(vq_grid_equal(&g, &again));
    }
}

static void refuses_what_is_no_grid(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",      "i",      "i1",    "i9",    "i04",           "u1",   "u9",
        "e",     "e2",     "e2m",   "e0m3",  "e8m1",          "e9m1", "e4m12",
        "bfp",   "bfp1",   "bfp17", "I4",    "e2m1 ",         "int4", "e2m1x",
        "e02m1", "mxint4", "i4 ",   "e-1m2", "e7m99999999999"};
    vq_grid g;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (vq_grid_parse(wrong[i], &g)) fail_msg("'%s' was taken for a grid", wrong[i]);
}

static void codes_survive(void **state)
{
    (void)state;
    for (size_t i = 0; i < ngrids; i++) {
        const vq_grid g = grid(grids[i]);
        for (uint32_t c = 0; c < 1U << g.bits; c++) {
            const float x = vq_decode(&g, c);
            if (!isfinite(x) || (g.bfp && c == 1U << (g.bits - 1))) continue;
            if (vq_encode(&g, x) != c)
                fail_msg("%s: code %u became %u", grids[i], c, vq_encode(&g, x));
        }
    }
}

static void values_rise_to_max(void **state)
{
    (void)state;
    static uint32_t codes[1 << 16];
    for (size_t i = 0; i < ngrids; i++) {
        const vq_grid g = grid(grids[i]);
        const uint32_t n = rising(&g, codes);
        for (uint32_t k = 1; k < n; k++)
            assert_lt(vq_decode(&g, codes[k - 1]), vq_decode(&g, codes[k]));
        assert_eq(vq_decode(&g, codes[n - 1]), g.max);
    }
}

/* Between neighbours: the middle goes to the even code, a hair to either side goes to that side. */
static void ties_go_to_even(void **state)
{
    (void)state;
    static uint32_t codes[1 << 16];
    for (size_t i = 0; i < ngrids; i++) {
        const vq_grid g = grid(grids[i]);
        const uint32_t n = rising(&g, codes);
        for (uint32_t k = 1; k < n; k++) {
            const float a = vq_decode(&g, codes[k - 1]), b = vq_decode(&g, codes[k]),
                        middle = a * 0.5F + b * 0.5F;
            const float near_a = vq_decode(&g, vq_encode(&g, nextafterf(middle, a))),
                        near_b = vq_decode(&g, vq_encode(&g, nextafterf(middle, b)));
            const float even = vq_decode(&g, codes[k] & 1 ? codes[k - 1] : codes[k]);
            if (near_a != a || near_b != b || vq_decode(&g, vq_encode(&g, middle)) != even)
                fail_msg("%s between %a and %a", grids[i], (double)a, (double)b);
        }
    }
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(*state >> 32);
}

/* Distance to the grid by looking at every code, in f64 (exact for these). */
static double least_distance(const vq_grid *g, const uint32_t *codes, uint32_t n, float x)
{
    double least = INFINITY;
    for (uint32_t k = 0; k < n; k++) {
        const double d = fabs((double)vq_decode(g, codes[k]) - (double)x);
        if (d < least) least = d;
    }
    return least;
}

static void any_float_goes_to_the_nearest(void **state)
{
    (void)state;
    static uint32_t codes[1 << 16];
    for (size_t i = 0; i < ngrids; i++) {
        const vq_grid g = grid(grids[i]);
        if (g.bits > 9) continue;
        const uint32_t n = rising(&g, codes);
        uint64_t seed = i;
        for (int k = 0; k < 2000; k++) {
            uint32_t u = next_random(&seed);
            if (k & 1)
                u = (u & 0x807fffff) |
                    ((uint32_t)(127 + (int)(u >> 23) % 16 - 8) << 23); /* half of them near one */
            float x;
            memcpy(&x, &u, 4);
            if (!isfinite(x)) continue;
            const double got = fabs((double)vq_decode(&g, vq_encode(&g, x)) - (double)x);
            if (got != least_distance(&g, codes, n, x))
                fail_msg("%s: %a is off by %g", grids[i], (double)x, got);
        }
    }
}

static void extremes_saturate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ngrids; i++) {
        const vq_grid g = grid(grids[i]);
        assert_eq(vq_decode(&g, vq_encode(&g, INFINITY)), g.max);
        assert_eq(vq_decode(&g, vq_encode(&g, FLT_MAX)), g.max);
        const float low = vq_decode(&g, vq_encode(&g, -INFINITY));
        if (!g.is_signed)
            assert_eq(low, vq_decode(&g, 0));
        else
            assert_true(low == -g.max || (g.kind != VQ_GRID_FLOAT && !g.bfp && low < -g.max));
        const float nan = vq_decode(&g, vq_encode(&g, NAN));
        assert_true(nan != nan || fabsf(nan) == g.max);
    }
}

/* The values of ggml's IQ4_NL in the order of their codes, and where one ends and the next begins,
 * by hand. */
static void iq4nl_is_the_grid_of_ggml(void **state)
{
    (void)state;
    static const int values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
    const vq_grid g = grid("iq4nl"), i4 = grid("i4");
    for (uint32_t c = 0; c < 16; c++) {
        assert_eq(vq_decode(&g, c), (float)values[c]);
        assert_eq(vq_decode(&g, c + 16), (float)values[c]);
    }
    assert_int_equal(vq_encode(&g, -115.5F),
                     0); /* ties go to the even code, below and above zero */
    assert_int_equal(vq_encode(&g, -93.5F), 2);
    assert_int_equal(vq_encode(&g, 79.0F), 14);
    assert_int_equal(vq_encode(&g, 101.0F), 14);
    assert_int_equal(vq_encode(&g, 101.00001F), 15);
    assert_int_equal(vq_encode(&g, 0.0F), 8);
    assert_int_equal(vq_encode(&g, -0.0F), 8);
    assert_int_equal(vq_encode(&g, -4.5F), 8);
    assert_int_equal(vq_encode(&g, -4.5000005F), 7);
    assert_int_equal(vq_encode(&g, NAN), 15);
    assert_false(vq_grid_has_zero(&g));
    assert_true(vq_grid_has_zero(&i4));
    assert_false(vq_grid_equal(&g, &i4));
}

/* The construction of NF4 (QLoRA, section 3: 8 quantiles of the normal distribution above zero, 7
 * below, zero between, over the largest): its end is the mean of the outermost quantiles of 2^4 and
 * 2^4 - 1 levels, 1 - (1/32 + 1/30) / 2. A quantile is checked by the distribution function. */
static void nf4_is_made_of_quantiles(void **state)
{
    (void)state;
    const vq_grid g = grid("nf4");
    const double offset = 1 - (1.0 / 32 + 1.0 / 30) / 2, end = 1.8481308;
    assert_true(vq_grid_has_zero(&g) && vq_decode(&g, 7) == 0);
    for (int c = 0; c < 16; c++) {
        const double step = (offset - 0.5) / (c < 7 ? 7 : 8);
        const double below = 0.5 + (c - 7) * step, x = end * (double)vq_decode(&g, (uint32_t)c);
        assert_near(0.5 * erfc(-x * M_SQRT1_2), below, 1e-6);
    }
}

/* A table of the recipe's next kind: another one, of fewer values, is a row of data. */
static void a_table_is_data(void **state)
{
    (void)state;
    static const float values[8] = {-1, -0.5F, -0.25F, -0.125F, 0, 0.25F, 0.5F, 1},
                       others[8] = {-1, -0.5F, -0.25F, 0, 0.125F, 0.25F, 0.5F, 1};
    const vq_grid g = {VQ_GRID_TABLE, true, 3, 0, 0, 0, 0, false, 0, 1, values};
    vq_grid other = g;
    for (uint32_t c = 0; c < 8; c++) assert_int_equal(vq_encode(&g, values[c]), c);
    assert_int_equal(vq_encode(&g, 0.125F), 4);
    assert_int_equal(vq_encode(&g, -0.0625F), 4);
    assert_int_equal(vq_encode(&g, 7.0F), 7);
    assert_true(vq_grid_has_zero(&g) && vq_grid_equal(&g, &other));
    other.table = others;
    assert_false(vq_grid_equal(&g, &other));
}

static void small_negatives_keep_their_sign(void **state)
{
    (void)state;
    const vq_grid e2m1 = grid("e2m1"), e4m3 = grid("e4m3"), ue5m3 = grid("ue5m3"),
                  e8m0 = grid("e8m0");
    assert_int_equal(vq_encode(&e2m1, -0.0F), 8);
    assert_int_equal(vq_encode(&e2m1, -0x1p-149F), 8);
    assert_int_equal(vq_encode(&e4m3, -0x1p-11F), 0x80);
    assert_int_equal(vq_encode(&ue5m3, -1.0F), 0);
    assert_int_equal(vq_encode(&e8m0, -1.0F), 0);
    assert_int_equal(vq_encode(&e8m0, 0.0F), 0);
}

static void specials_decode(void **state)
{
    (void)state;
    const vq_grid e4m3 = grid("e4m3"), e5m2 = grid("e5m2"), ue5m3 = grid("ue5m3"),
                  e8m0 = grid("e8m0");
    assert_true(isnan(vq_decode(&e4m3, 0x7f)) && isnan(vq_decode(&e4m3, 0xff)) &&
                isnan(vq_decode(&ue5m3, 0xff)) && isnan(vq_decode(&e8m0, 0xff)));
    assert_eq(vq_decode(&e5m2, 0x7c), INFINITY);
    assert_eq(vq_decode(&e5m2, 0xfc), -INFINITY);
    assert_true(isnan(vq_decode(&e5m2, 0x7d)));
    assert_eq(vq_decode(&e8m0, 0), 0x1p-127F);
    assert_eq(vq_decode(&e8m0, 0xfe), 0x1p127F);
    assert_true(isnan(vq_decode(&e4m3, vq_encode(&e4m3, NAN))) &&
                isnan(vq_decode(&e8m0, vq_encode(&e8m0, NAN))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_inverse), cmocka_unit_test(refuses_what_is_no_grid),
        cmocka_unit_test(codes_survive),     cmocka_unit_test(values_rise_to_max),
        cmocka_unit_test(ties_go_to_even),   cmocka_unit_test(any_float_goes_to_the_nearest),
        cmocka_unit_test(extremes_saturate), cmocka_unit_test(small_negatives_keep_their_sign),
        cmocka_unit_test(specials_decode),   cmocka_unit_test(iq4nl_is_the_grid_of_ggml),
        cmocka_unit_test(a_table_is_data),   cmocka_unit_test(nf4_is_made_of_quantiles),
    };
    return cmocka_run_group_tests(tests, list_grids, NULL);
}
