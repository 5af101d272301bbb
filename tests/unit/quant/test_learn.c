/* test_learn.c -- learned rounding of one weight: it starts at what was found before, goes down a
 * loss whose least value is known, stores only what the format can hold, and gives the same bytes
 * for every thread count. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "quant/round/learn.h"
#include "show.h"

enum { ROWS = 24, COLS = 192, ALL = ROWS * COLS };

static const char *const schemes[] = {"nvfp4a16",       "mxfp4a16",   "int4-g64",   "int4-g32-asym",
                                      "int4-chan-asym", "fp8",        "fp8-static", "fp8-block",
                                      "int8-w8a16",     "bfp12-64",   "mxfp6-e2m3", "iq4nl",
                                      "turned iq4nl",   "turned int4"};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

typedef struct world {
    vq_arena arena;
    vq_kernels kernels;
    float w[ALL], back[ALL], dw[ALL];
    vq_qtensor q;
} world;

static float gauss(uint64_t seed, uint64_t i)
{
    const double u = vq_rng_unit(seed, 2 * i) + 1e-12, v = vq_rng_unit(seed, 2 * i + 1);
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void fill(world *w, uint64_t seed)
{
    for (int i = 0; i < ALL; i++) w->w[i] = 0.02F * gauss(seed, (uint64_t)i);
}

static bool is_turned(const char *scheme)
{
    return strncmp(scheme, "turned", 6) == 0;
}

/* A preset, or the table in groups of 64. */
static vq_num num_of(const char *scheme)
{
    vq_scheme buf;
    const bool table = strstr(scheme, "iq4nl") != NULL;
    const vq_scheme *s = vq_scheme_find(table || is_turned(scheme) ? "int4-g64" : scheme, &buf);
    assert_non_null(s);
    vq_num num = s->weight;
    if (table) assert_true(vq_grid_parse("iq4nl", &num.grid));
    return num;
}

/* The same under scales below zero. */
static void turn(world *w)
{
    for (int64_t g = 0; g < w->q.groups; g++) w->q.scale[g] = -w->q.scale[g];
    for (int i = 0; i < ALL; i++)
        w->q.codes[i] =
            (uint8_t)vq_encode_at(&w->q.num, w->w[i], w->q.scale[i / w->q.num.group.cols], 0);
}

static void quantize(world *w, const char *scheme)
{
    vq_err e;
    const vq_num num = num_of(scheme);
    assert_int_equal(vq_qtensor_new(&w->q, &num, ROWS, COLS, &w->arena, &e), VQ_OK);
    const vq_global_scale global_scale = vq_global_scale_from_amax(&num, 0.08F, VQ_F32);
    assert_int_equal(
        vq_quantize_rows(&w->kernels, &w->q, w->w, global_scale, VQ_F32, NULL, NULL, &e), VQ_OK);
    if (is_turned(scheme)) turn(w);
}

static void open_world(world *w, const char *scheme)
{
    vq_err e;
    *w = (world){0};
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, true, &e), VQ_OK);
    fill(w, 3);
    quantize(w, scheme);
}

/* Some codes become what another rounder might have chosen: the code of a weight one or two steps
 * away. */
static void disturb(world *w)
{
    static float moved[ALL];
    memcpy(moved, w->w, sizeof moved);
    vq_decode_rows(&w->kernels, &w->q, w->back, COLS);
    int64_t gr, gc;
    vq_group_size(&w->q.num, ROWS, COLS, &gr, &gc);
    for (int i = 0; i < ALL; i += 3) {
        const int64_t g = i / COLS / gr * w->q.per_row + i % COLS / gc;
        const float s =
            vq_effective_scale(&w->q.num, w->q.scale[g],
                               (vq_global_scale){w->q.global_scale, w->q.global_scale_divides});
        moved[i] += gauss(5, (uint64_t)i) * s *
                    (w->q.num.grid.kind == VQ_GRID_INT     ? ldexpf(1, -w->q.num.grid.frac)
                     : w->q.num.grid.kind == VQ_GRID_TABLE ? 16.0F
                                                           : 1.0F);
        w->q.codes[i] = (uint8_t)vq_encode_at(&w->q.num, moved[i], s, w->q.zero ? w->q.zero[g] : 0);
    }
}

static void begin(world *w, vq_learn *l, bool clip)
{
    vq_err e;
    assert_int_equal(vq_learn_init(l, &w->kernels, w->w, &w->q, clip, &w->arena, &e), VQ_OK);
}

/* The first state is the one that was given: a step of no length changes nothing that the codes
 * mean. */
static void test_exact_start(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        static world w;
        static float before[ALL];
        vq_learn l;
        open_world(&w, schemes[i]);
        disturb(&w);
        vq_decode_rows(&w.kernels, &w.q, before, COLS);
        begin(&w, &l, true);
        for (int j = 0; j < ALL; j++) w.dw[j] = gauss(9, (uint64_t)j);
        vq_learn_step(&l, w.dw, 0, 0);
        vq_decode_rows(&w.kernels, &w.q, w.back, COLS);
        for (int j = 0; j < ALL; j++)
            if (before[j] != w.back[j])
                fail_msg("%s: element %d was %g and is %g", schemes[i], j, (double)before[j],
                         (double)w.back[j]);
        vq_arena_done(&w.arena);
    }
}

/* A loss with a known answer: (sum over j of (q_ij - w_ij) a_j)^2 over some directions a; d loss /
 * d q by hand. */
static double loss_of(world *w)
{
    enum { DIRECTIONS = 48 };
    static double a[DIRECTIONS][COLS]; /* drawn once: it takes longer than the rest */
    static bool drawn;
    for (uint64_t d = 0; !drawn && d < DIRECTIONS; d++)
        for (uint64_t j = 0; j < COLS; j++) a[d][j] = (double)gauss(100 + d, j);
    drawn = true;
    double loss = 0;
    vq_decode_rows(&w->kernels, &w->q, w->back, COLS);
    memset(w->dw, 0, sizeof w->dw);
    for (int i = 0; i < ROWS; i++) {
        for (int d = 0; d < DIRECTIONS; d++) {
            double along = 0;
            for (int j = 0; j < COLS; j++)
                along += (double)(w->back[i * COLS + j] - w->w[i * COLS + j]) * a[d][j];
            for (int j = 0; j < COLS; j++) w->dw[i * COLS + j] += (float)(2 * along * a[d][j]);
            loss += along * along;
        }
    }
    return loss;
}

typedef struct outcome {
    double first, best;
} outcome;

static outcome train(world *w, vq_learn *l, int steps, float rate, float clip_rate)
{
    outcome o = {.first = loss_of(w)};
    o.best = o.first;
    for (int t = 0; t < steps; t++) {
        const float decay = 1.0F - (float)t / (float)steps;
        vq_learn_step(l, w->dw, rate * decay, clip_rate * decay);
        const double loss = loss_of(w);
        if (loss >= o.best) continue;
        o.best = loss;
        vq_learn_keep(l);
    }
    vq_learn_store(l);
    return o;
}

static void check_stored(const world *w, bool turned)
{
    const vq_num *num = &w->q.num;
    for (int64_t g = 0; g < w->q.groups; g++) {
        const vq_grid *grid = vq_scale_grid(num->scale);
        const float s = w->q.scale[g];
        assert_true((turned ? s < 0 : s > 0) && isfinite(s));
        if (grid) assert_eq(vq_decode(grid, vq_encode(grid, s)), s);
        if (num->scale == VQ_SCALE_BF16) assert_eq(vq_round_to(VQ_BF16, s), s);
    }
    for (int i = 0; i < ALL; i++) assert_lt(w->q.codes[i], 1 << num->grid.bits);
}

/* Every scheme goes clearly below where it starts, and what is stored has the loss that was found.
 */
static void test_goes_down(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        static world w;
        vq_learn l;
        open_world(&w, schemes[i]);
        begin(&w, &l, true);
        const outcome o = train(&w, &l, 40, 1.0F / 40, 1.0F / 200);
        if (!(o.best < 0.95 * o.first)) fail_msg("%s: %g -> %g", schemes[i], o.first, o.best);
        assert_eq(loss_of(&w), o.best);
        check_stored(&w, is_turned(schemes[i]));
        vq_arena_done(&w.arena);
    }
}

/* From a state that is already good: training does not undo it. */
static void test_never_worse(void **state)
{
    (void)state;
    static world w;
    static uint8_t codes[ALL];
    vq_learn l;
    open_world(&w, "int4-g64");
    begin(&w, &l, false);
    (void)train(&w, &l, 40, 1.0F / 40, 0);
    memcpy(codes, w.q.codes, sizeof codes);
    const double before = loss_of(&w);
    begin(&w, &l, false);
    for (int j = 0; j < ALL; j++) w.dw[j] = gauss(77, (uint64_t)j);
    for (int t = 0; t < 10; t++) vq_learn_step(&l, w.dw, 0.3F, 0);
    assert_gt(loss_of(&w), before);
    vq_learn_store(&l);
    assert_memory_equal(codes, w.q.codes, sizeof codes);
    vq_arena_done(&w.arena);
}

/* Scales move only when they are trained, and training them finds more. */
static void test_clip(void **state)
{
    (void)state;
    static world w;
    static float scale[ALL];
    vq_learn l;
    open_world(&w, "int4-g64");
    memcpy(scale, w.q.scale, (size_t)w.q.groups * sizeof *scale);
    begin(&w, &l, false);
    const outcome plain = train(&w, &l, 40, 1.0F / 40, 1.0F / 40);
    assert_memory_equal(scale, w.q.scale, (size_t)w.q.groups * sizeof *scale);
    vq_arena_done(&w.arena);
    open_world(&w, "int4-g64");
    begin(&w, &l, true);
    const outcome clipped = train(&w, &l, 40, 1.0F / 40, 1.0F / 200);
    assert_memory_not_equal(scale, w.q.scale, (size_t)w.q.groups * sizeof *scale);
    assert_eq(plain.first, clipped.first);
    assert_lt(clipped.best, plain.best);
    vq_arena_done(&w.arena);
}

/* Scales that are far off find back: too small ones cut the large weights, too large ones waste
 * steps. Weights do not move. */
static double error_after(float off, int steps)
{
    static world w;
    vq_learn l;
    double sum = 0;
    open_world(&w, "int4-g64");
    for (int64_t g = 0; g < w.q.groups; g++)
        w.q.scale[g] = vq_round_to(VQ_BF16, w.q.scale[g] * off);
    for (int i = 0; i < ALL; i++)
        w.q.codes[i] = (uint8_t)vq_encode_at(&w.q.num, w.w[i], w.q.scale[i / 64], 0);
    begin(&w, &l, true);
    for (int t = 0; t <= steps; t++) {
        vq_decode_rows(&w.kernels, &w.q, w.back, COLS);
        sum = 0;
        for (int i = 0; i < ALL; i++) {
            w.dw[i] = w.back[i] - w.w[i];
            sum += (double)w.dw[i] * (double)w.dw[i];
        }
        vq_learn_step(&l, w.dw, 0, 0.02F);
    }
    vq_arena_done(&w.arena);
    return sum;
}

static void test_scale_slope(void **state)
{
    (void)state;
    assert_lt(error_after(0.5F, 30), 0.3 * error_after(0.5F, 0));
    assert_lt(error_after(1.9F, 30), 0.4 * error_after(1.9F, 0));
}

static void run_with(int threads, const char *scheme, uint8_t *codes, float *scale)
{
    static world w;
    vq_learn l;
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    open_world(&w, scheme);
    disturb(&w);
    begin(&w, &l, true);
    (void)train(&w, &l, 12, 1.0F / 12, 1.0F / 60);
    memcpy(codes, w.q.codes, ALL);
    memcpy(scale, w.q.scale, (size_t)w.q.groups * sizeof *scale);
    vq_arena_done(&w.arena);
    omp_set_num_threads(before);
}

static void test_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        static uint8_t codes[2][ALL];
        static float scale[2][ALL];
        run_with(1, schemes[i], codes[0], scale[0]);
        run_with(2, schemes[i], codes[1], scale[1]);
        assert_memory_equal(codes[0], codes[1], ALL);
        assert_memory_equal(scale[0], scale[1], sizeof scale[0]);
    }
}

static void test_refuses_wide_grids(void **state)
{
    (void)state;
    vq_arena a;
    vq_kernels kr;
    vq_scheme buf;
    vq_learn l;
    vq_qtensor q;
    vq_err e;
    float w[64] = {0};
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_kernels_select(&kr, NULL, true, &e), VQ_OK);
    assert_int_equal(vq_qtensor_new(&q, &vq_scheme_find("bfp20-64", &buf)->weight, 1, 64, &a, &e),
                     VQ_OK);
    assert_int_equal(vq_learn_init(&l, &kr, w, &q, false, &a, &e), VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "12"));
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_start),        cmocka_unit_test(test_goes_down),
        cmocka_unit_test(test_never_worse),        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_scale_slope),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refuses_wide_grids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
