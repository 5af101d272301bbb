/* test_kernels_ref.c -- the ref level against the scalar definitions of base, the whole row
 * quantizer against vq_quantize_ref at every level, and the functions of the network against libm
 * in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "base/num/hadamard_matrix.h"
#include "kernels/variants.h"
#include "show.h"

#define N 333
static vq_kernels ref;

static bool same_float(float a, float b)
{
    return (a != a && b != b) || memcmp(&a, &b, sizeof a) == 0;
}

static void test_half_floats(void **state)
{
    (void)state;
    static uint16_t half[65536], back[65536];
    static float x[65536], y[65536];
    for (int i = 0; i < 65536; i++) half[i] = (uint16_t)i;
    ref.bf16_to_f32(half, x, 65536);
    ref.f16_to_f32(half, y, 65536);
    ref.f32_to_bf16(x, back, 65536);
    for (int i = 0; i < 65536; i++) {
        assert_true(same_float(x[i], vq_bf16_to_f32((uint16_t)i)));
        assert_true(same_float(y[i], vq_f16_to_f32((uint16_t)i)));
        if (x[i] == x[i]) assert_int_equal(back[i], i);
    }
    fill_row(x, 65536, 3, 130);
    x[0] = NAN, x[1] = INFINITY, x[2] = 3.4e38F;
    ref.f32_to_bf16(x, back, 65536);
    for (int i = 0; i < 65536; i++) assert_int_equal(back[i], vq_f32_to_bf16(x[i]));
}

static const int16_t *zeros_of(const vq_num *num, const int16_t *zero)
{
    return num->zero == VQ_ZERO_INT ? zero : NULL;
}

/* Codes of values of all sizes, and what they mean, against vq_encode_at and vq_decode_at. */
static void codes_of_num(void *ctx, const vq_num *num)
{
    (void)ctx;
    float x[N], y[N], scale[N];
    int16_t zero[N];
    uint8_t codes[N];
    const size_t width = 16;
    if (num->grid.bits > 8) return;
    fill_row(x, N, 5, 20);
    x[7] = 3e38F, x[8] = -3e38F;
    for (size_t g = 0; g < N; g++) {
        scale[g] = g % 3 ? 0.37F * (float)(g + 1) : ldexpf(1.0F, (int)g - 9);
        zero[g] = (int16_t)((int)(g % 7) - 3);
    }
    ref.encode_row(num, x, N, width, scale, zeros_of(num, zero), codes);
    for (size_t i = 0; i < N; i++) {
        const int z = num->zero == VQ_ZERO_INT ? zero[i / width] : 0;
        assert_int_equal(codes[i], vq_encode_at(num, x[i], scale[i / width], z));
        codes[i] = (uint8_t)(i & ((1U << num->grid.bits) - 1));
    }
    ref.decode_row(num, codes, N, width, scale, zeros_of(num, zero), y);
    for (size_t i = 0; i < N; i++)
        assert_true(same_float(y[i], vq_decode_at(num, codes[i], scale[i / width],
                                                  num->zero == VQ_ZERO_INT ? zero[i / width] : 0)));
    ref.round_each(num, x, N, scale, zeros_of(num, zero), codes, y);
    for (size_t i = 0; i < N; i++) {
        const int z = num->zero == VQ_ZERO_INT ? zero[i] : 0;
        assert_int_equal(codes[i], vq_encode_at(num, x[i], scale[i], z));
        assert_true(same_float(y[i], vq_decode_at(num, codes[i], scale[i], z)));
    }
}

static void test_codes(void **state)
{
    (void)state;
    each_num(codes_of_num, NULL);
}

/* Every place where a table goes from one value to the next, and the floats beside it, under scales
 * of both signs: each level by definition. */
static void test_table_borders(void **state)
{
    (void)state;
    enum { PLACES = 16 * 3 + 6 };
    static const float scale[] = {1, -1, 0x1p-9F, -0x1p-140F, 0.37F};
    vq_num num = {.group = {VQ_PER_BLOCK, 1, PLACES}};
    assert_true(vq_grid_parse("iq4nl", &num.grid));
    float at[PLACES] = {INFINITY, -INFINITY, NAN, 0.0F, -0.0F, 0x1p-149F}, x[PLACES], y[PLACES],
          every[PLACES];
    for (uint32_t c = 0; c < 15; c++) {
        const float middle = 0.5F * (vq_decode(&num.grid, c) + vq_decode(&num.grid, c + 1));
        at[6 + 3 * c] = middle, at[7 + 3 * c] = nextafterf(middle, 1000),
                   at[8 + 3 * c] = nextafterf(middle, -1000);
    }
    const char *const levels[] = {"ref", "avx2", "avx512"};
    for (size_t l = 0; l < 3 * 5; l++) {
        vq_kernels kr;
        vq_err e;
        uint8_t codes[PLACES], each[PLACES];
        const float s = scale[l / 3];
        if (vq_kernels_select(&kr, levels[l % 3], false, &e) != VQ_OK) continue;
        for (size_t i = 0; i < PLACES; i++) x[i] = at[i] * s, every[i] = s;
        kr.encode_row(&num, x, PLACES, PLACES, &s, NULL, codes);
        kr.round_each(&num, x, PLACES, every, NULL, each, y);
        for (size_t i = 0; i < PLACES; i++) {
            const uint32_t code = vq_encode_at(&num, x[i], s, 0);
            assert_eq(codes[i], code);
            assert_eq(each[i], code);
            assert_eq(y[i], vq_decode_at(&num, code, s, 0));
        }
    }
}

/* Scales against vq_group_scale, over ranges of all sizes and one-sided ones. */
static void scales_of_num(void *ctx, const vq_num *num)
{
    (void)ctx;
    float a[N], b[N], lo[N], hi[N], scale[N], effective[N];
    int16_t zero[N] = {0};
    fill_row(a, N, 11, 130);
    fill_row(b, N, 12, 3);
    for (size_t i = 0; i < N; i++) {
        const float other = i % 2 ? b[i] : a[(i * 7) % N];
        lo[i] = fminf(a[i], other), hi[i] = fmaxf(a[i], other);
    }
    lo[3] = 0, hi[3] = 0, lo[5] = -1e-45F, hi[5] = 0, lo[4] = -3e38F, hi[4] = 3e38F;
    for (int c = 0; c < 6; c++) {
        const vq_global_scale global_scale = {c % 3 == 0   ? 1.0F
                                              : c % 3 == 1 ? 0x1p-9F / 3
                                                           : 2688.0F / 5,
                                              c % 3 == 2};
        const vq_dtype arith = c / 3 ? VQ_BF16 : VQ_F32;
        ref.scale_row(num, lo, hi, N, global_scale, arith, scale, zero);
        ref.effective_row(num, scale, N, global_scale, effective);
        for (size_t i = 0; i < N; i++) {
            float s;
            int16_t z = 0;
            vq_group_scale(num, lo[i], hi[i], global_scale, arith, &s, &z);
            assert_true(same_float(scale[i], s));
            assert_true(same_float(effective[i], vq_effective_scale(num, s, global_scale)));
            if (num->zero == VQ_ZERO_INT) assert_int_equal(zero[i], z);
        }
    }
}

static void test_scales(void **state)
{
    (void)state;
    each_num(scales_of_num, NULL);
}

#define ROWS 37
#define COLS 1280

/* The whole quantizer at one level against the definition: codes, scales, zero points, what they
 * decode to, and sums that do not depend on the number of threads. */
static void rows_of_num(void *ctx, const vq_num *num)
{
    const vq_kernels *kr = ctx;
    static float w[ROWS * COLS], x[ROWS * COLS], y[ROWS * COLS];
    vq_err e;
    vq_arena a;
    vq_qtensor p, q;
    vq_arena_init(&a, NULL);
    fill_row(w, ROWS * COLS, 21, 4);
    memset(w + 3 * COLS, 0, 64 * sizeof *w);
    const vq_global_scale global_scale = vq_global_scale_from_amax(num, 16.0F, VQ_F32);
    assert_int_equal(vq_qtensor_new(&p, num, ROWS, COLS, &a, &e), VQ_OK);
    assert_int_equal(vq_qtensor_new(&q, num, ROWS, COLS, &a, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&p, w, global_scale, VQ_BF16, &e), VQ_OK);
    double signal[2], noise[2];
    for (int t = 0; t < 2; t++) {
        omp_set_num_threads(t ? 3 : 1);
        memset(q.codes, 0xEE, ROWS * COLS);
        assert_int_equal(
            vq_quantize_rows(kr, &q, w, global_scale, VQ_BF16, &signal[t], &noise[t], &e), VQ_OK);
        assert_memory_equal(q.codes, p.codes, ROWS * COLS);
        assert_memory_equal(q.scale, p.scale, (size_t)p.groups * sizeof *p.scale);
        if (p.zero) assert_memory_equal(q.zero, p.zero, (size_t)p.groups * sizeof *p.zero);
        assert_eq(q.global_scale, p.global_scale);
        assert_eq(q.global_scale_divides, p.global_scale_divides);
    }
    vq_decode_rows(kr, &q, x, COLS);
    vq_dequantize_ref(&p, 0, ROWS, y);
    assert_memory_equal(x, y, sizeof x);
    double xx = 0, dd = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        xx += (double)w[i] * (double)w[i];
        dd += ((double)w[i] - (double)y[i]) * ((double)w[i] - (double)y[i]);
    }
    assert_eq(memcmp(&signal[0], &signal[1], sizeof xx), 0);
    assert_eq(memcmp(&noise[0], &noise[1], sizeof dd), 0);
    assert_near(signal[0], xx, 1e-9 * xx);
    assert_near(noise[0], dd, 1e-5 * dd);
    vq_arena_done(&a);
}

static void test_quantize_rows(void **state)
{
    (void)state;
    const char *const levels[] = {"ref", "avx2", "avx512"};
    for (int l = 0; l < 3; l++) {
        vq_kernels kr;
        vq_err e;
        if (vq_kernels_select(&kr, levels[l], false, &e) == VQ_OK) each_num(rows_of_num, &kr);
    }
}

/* Grids of more than 8 bits. */
static void test_quantize_wide(void **state)
{
    (void)state;
    static float w[4 * 64], x[4 * 64], y[4 * 64];
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find("bfp24-64", &buf);
    assert_non_null(s);
    vq_err e;
    vq_arena a;
    vq_qtensor p, q;
    double signal, noise;
    vq_arena_init(&a, NULL);
    fill_row(w, 4 * 64, 2, 4);
    assert_int_equal(vq_qtensor_new(&p, &s->weight, 4, 64, &a, &e), VQ_OK);
    assert_int_equal(vq_qtensor_new(&q, &s->weight, 4, 64, &a, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&p, w, (vq_global_scale){1.0F, false}, VQ_F32, &e), VQ_OK);
    assert_int_equal(
        vq_quantize_rows(&ref, &q, w, (vq_global_scale){1.0F, false}, VQ_F32, &signal, &noise, &e),
        VQ_OK);
    assert_memory_equal(p.codes16, q.codes16, 4 * 64 * 2);
    vq_decode_rows(&ref, &q, x, 64);
    vq_dequantize_ref(&p, 0, 4, y);
    assert_memory_equal(x, y, sizeof x);
    assert_gt(signal, 0);
    assert_gt(noise, 0);
    assert_lt(noise, 1e-7 * signal);
    vq_arena_done(&a);
}

static void refuses(const char *scheme, int64_t row, int64_t col, float value, const char *text)
{
    static float w[ROWS * COLS];
    vq_err e;
    vq_arena a;
    vq_qtensor q;
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(scheme, &buf);
    vq_arena_init(&a, NULL);
    fill_row(w, ROWS * COLS, 2, 4);
    w[row * COLS + col] = value;
    w[(ROWS - 1) * COLS + COLS - 1] = value;
    assert_int_equal(vq_qtensor_new(&q, &s->weight, ROWS, COLS, &a, &e), VQ_OK);
    assert_int_equal(
        vq_quantize_rows(&ref, &q, w, (vq_global_scale){1.0F, false}, VQ_F32, NULL, NULL, &e),
        VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, text));
    vq_arena_done(&a);
}

static void test_refuses(void **state)
{
    (void)state;
    refuses("nvfp4", 5, 1029, NAN, "[5][1029] is NaN");
    refuses("int8", 0, 0, INFINITY, "[0][0] is infinite");
    refuses("fp8-static", 36, 7, -INFINITY, "[36][7] is infinite");
    refuses("fp8-block", 30, 200, NAN, "[30][200] is NaN");
}

static void close_to(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want) + 2e-36))
        fail_msg("%.17g is not near %.17g", got, want);
}

static void test_network(void **state)
{
    (void)state;
    float x[N], g[N], y[N], p[N];
    double sum = 0, squares = 0, top = -1e30, lse = 0, lq = 0, kl = 0;
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - 170) * 0.53F;
        g[i] = 1.0F + (float)(i % 11);
        squares += (double)x[i] * (double)x[i];
        top = fmax(top, (double)x[i] * 0.25);
    }
    ref.rms_norm(x, g, 1e-5F, N, y);
    for (int i = 0; i < N; i++)
        close_to((double)y[i], (double)x[i] / sqrt(squares / N + 1e-5) * (double)g[i], 3e-7);
    ref.silu_mul(x, g, N, y);
    for (int i = 0; i < N; i++)
        close_to((double)y[i], (double)x[i] / (1 + exp(-(double)x[i])) * (double)g[i], 1e-6);
    memcpy(p, x, sizeof p);
    ref.softmax(p, N - 5, N, 0.25F);
    for (int i = 0; i < N - 5; i++) sum += exp((double)x[i] * 0.25 - top);
    for (int i = 0; i < N; i++)
        close_to((double)p[i], i < N - 5 ? exp((double)x[i] * 0.25 - top) / sum : 0, 5e-6);
    for (int i = 0; i < N; i++) {
        lse += exp((double)x[i]);
        lq += exp((double)g[i]);
    }
    lse = log(lse), lq = log(lq);
    close_to(ref.log_sum_exp(x, N), lse, 1e-7);
    close_to(ref.log_sum_exp(g, N), lq, 1e-7);
    for (int i = 0; i < N; i++)
        kl += exp((double)x[i] - lse) * ((double)x[i] - lse - (double)g[i] + lq);
    close_to(ref.kl_row(x, lse, g, lq, N), kl, 5e-6);
}

static double loss_of(const double *y, const float *g, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += y[i] * (double)g[i];
    return sum;
}

/* The formulas of the forward kernels in f64: y (over x, w), for central differences. */
static void plain_rms(const double *x, const float *w, double *y)
{
    double squares = 0;
    for (int i = 0; i < N; i++) squares += x[i] * x[i];
    for (int i = 0; i < N; i++) y[i] = x[i] / sqrt(squares / N + 1e-5) * (double)w[i];
}

static void plain_silu(const double *x, const float *w, double *y)
{
    for (int i = 0; i < N; i++) y[i] = x[i] / (1 + exp(-x[i])) * (double)w[i];
}

static void plain_softmax(const double *x, const float *w, double *y)
{
    double sum = 0;
    (void)w;
    for (int i = 0; i < N; i++) sum += exp(0.25 * x[i]);
    for (int i = 0; i < N; i++) y[i] = exp(0.25 * x[i]) / sum;
}

static void assert_derivative(void (*f)(const double *x, const float *w, double *y), const float *x,
                              const float *w, const float *g, const float *dx, double tolerance)
{
    const double step = 1e-5;
    double at[N], y[N];
    for (int i = 0; i < N; i++) at[i] = (double)x[i];
    for (int i = 0; i < N; i++) {
        at[i] = (double)x[i] + step;
        f(at, w, y);
        const double up = loss_of(y, g, N);
        at[i] = (double)x[i] - step;
        f(at, w, y);
        assert_near(dx[i], (up - loss_of(y, g, N)) / (2 * step), tolerance);
        at[i] = (double)x[i];
    }
}

static void test_derivatives(void **state)
{
    (void)state;
    float x[N], w[N], g[N], dx[N], dw[N], p[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)((i * 37) % 101 - 50) * 0.08F;
        w[i] = 1.0F + (float)(i % 11) * 0.1F;
        g[i] = (float)((i * 53) % 89 - 44) * 0.02F;
    }
    ref.rms_norm_back(x, w, g, 1e-5F, N, dx);
    assert_derivative(plain_rms, x, w, g, dx, 1e-6);
    ref.silu_mul_back(x, w, g, N, dx, dw);
    assert_derivative(plain_silu, x, w, g, dx, 2e-6);
    for (int i = 0; i < N; i++)
        close_to((double)dw[i], (double)x[i] / (1 + exp(-(double)x[i])) * (double)g[i], 1e-6);
    memcpy(p, x, sizeof p);
    ref.softmax(p, N, N, 0.25F);
    memcpy(dx, g, sizeof dx);
    ref.softmax_back(p, N, 0.25F, dx);
    assert_derivative(plain_softmax, x, w, g, dx, 1e-8);
    x[0] = -200, x[1] = 200, x[2] = -88.5F;
    ref.silu_mul_back(x, w, g, 3, dx, dw);
    for (int i = 0; i < 3; i++)
        assert_float_equal(dx[i], i == 1 ? g[i] * w[i] : 0,
                           1e-6); /* flat below, straight above, never NaN */
}

/* The rotation is orthogonal: turning back what was turned gives it again. */
static void test_rope_back(void **state)
{
    (void)state;
    float x[64], y[64], c[32], s[32];
    for (int i = 0; i < 64; i++) x[i] = (float)(i % 17) - 8;
    for (int i = 0; i < 32; i++) c[i] = cosf((float)i), s[i] = sinf((float)i);
    memcpy(y, x, sizeof y);
    ref.rope(y, c, s, 64);
    ref.rope_back(y, c, s, 64);
    for (int i = 0; i < 64; i++) assert_float_equal(y[i], x[i], 4e-6);
}

/* Closed forms: a quarter turn swaps the halves; exact sums of powers of two. */
static void test_rope_and_sums(void **state)
{
    (void)state;
    float x[64], c[32], s[32], y[64];
    double xx, dd;
    for (int i = 0; i < 64; i++) x[i] = ldexpf(1.0F, i % 8);
    for (int i = 0; i < 32; i++) c[i] = 0, s[i] = 1;
    memcpy(y, x, sizeof y);
    ref.rope(y, c, s, 64);
    for (int i = 0; i < 32; i++) {
        assert_eq(y[i], -x[32 + i]);
        assert_eq(y[32 + i], x[i]);
    }
    ref.add(y, x, 64);
    for (int i = 0; i < 32; i++) {
        assert_eq(y[i], x[i] - x[32 + i]);
        assert_eq(y[32 + i], x[i] + x[32 + i]);
    }
    for (int i = 0; i < 64; i++) y[i] = x[i] - 1;
    ref.error_sums(x, y, 64, &xx, &dd);
    assert_eq(xx, 8 * 21845.0);
    assert_eq(dd, 64);
    assert_eq(ref.dot(x, y, 64), 8 * (21845.0 - 255));
    assert_eq(ref.absmax(y, 64), 127);
    assert_eq(ref.absmax(y, 0), 0);
}

/* Against the dense product in f64: entry (i, j) of the Sylvester matrix is -1 to the number of
 * bits that i and j share. */
static void test_hadamard(void **state)
{
    (void)state;
    static float x[2048], y[2048];
    for (size_t i = 0; i < 2048; i++) x[i] = sinf((float)(i * i % 977)) * (i % 31 ? 1.0F : 40.0F);
    for (size_t block = 16; block <= 1024; block *= 2) {
        memcpy(y, x, sizeof y);
        ref.hadamard_row(y, 2048, block);
        for (size_t i = 0; i < 2048; i++) {
            double sum = 0, size = 0;
            for (size_t j = 0; j < block; j++) {
                const double v = (double)x[i / block * block + j];
                sum += __builtin_popcountll((i % block) & j) % 2 ? -v : v;
                size += v * v;
            }
            assert_near(y[i], sum / sqrt((double)block), 5e-7 * sqrt(size));
        }
        ref.hadamard_row(y, 2048, block);
        for (size_t i = 0; i < 2048; i++) assert_near(y[i], x[i], 2e-5F);
    }
}

/* Sizes with a Paley factor: the product in f64 of base/hadamard_matrix.c, which
 * test_hadamard_matrix.c holds to the definition. */
static void test_hadamard_paley(void **state)
{
    static const size_t blocks[] = {192, 320, 576, 896, 1536};
    (void)state;
    static float x[1536], y[1536];
    static double want[1536];
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        const size_t n = blocks[b];
        double size = 0;
        for (size_t i = 0; i < n; i++) {
            y[i] = x[i] = sinf((float)(i * i % 977)) * (i % 31 ? 1.0F : 40.0F);
            want[i] = (double)x[i];
            size += want[i] * want[i];
        }
        vq_hadamard_times(want, (int64_t)n, 1);
        ref.hadamard_row(y, n, n);
        for (size_t i = 0; i < n; i++)
            assert_near(y[i], want[i] / sqrt((double)n), 1e-6 * sqrt(size));
    }
}

static int pick_ref(void **state)
{
    (void)state;
    vq_err e;
    return (int)vq_kernels_select(&ref, "ref", false, &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_floats),    cmocka_unit_test(test_codes),
        cmocka_unit_test(test_table_borders),  cmocka_unit_test(test_scales),
        cmocka_unit_test(test_quantize_rows),  cmocka_unit_test(test_quantize_wide),
        cmocka_unit_test(test_refuses),        cmocka_unit_test(test_network),
        cmocka_unit_test(test_rope_and_sums),  cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_rope_back),      cmocka_unit_test(test_hadamard),
        cmocka_unit_test(test_hadamard_paley),
    };
    return cmocka_run_group_tests(tests, pick_ref, NULL);
}
