/* test_kernels.c -- every kernel of kernels.inc at every level that this machine has: the same bits
 * as ref over edge lengths and unaligned pointers, and no write outside the output. What ref itself
 * computes is compared with the scalar definitions in test_kernels_ref.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/variants.h"

#define MOST 400
#define MARGIN 24

/* An output with margins of NaN, one float off alignment. */
typedef struct guarded {
    float raw[MOST + 2 * MARGIN + 1];
} guarded;

static float in_a[MOST + 8], in_b[MOST + 8], in_c[MOST + 8];

typedef struct levels {
    const vq_kernels *level, *ref;
    size_t n;
} levels;

static float *open_guarded(guarded *g)
{
    memset(g->raw, 0xFF, sizeof g->raw);
    return g->raw + MARGIN + 1;
}

static void assert_same(const guarded *a, const guarded *b, size_t used)
{
    const uint8_t *from = (const uint8_t *)(a->raw + MARGIN + 1),
                  *end = (const uint8_t *)a->raw + sizeof a->raw;
    assert_memory_equal(a->raw, b->raw, sizeof a->raw);
    for (const uint8_t *p = (const uint8_t *)a->raw; p < from; p++) assert_int_equal(*p, 0xFF);
    for (const uint8_t *p = from + used; p < end; p++) assert_int_equal(*p, 0xFF);
}

/* Run `...` with k = the level and then ref; it writes `used` bytes to out. */
#define BOTH(used, ...)                                                                            \
    do {                                                                                           \
        static guarded g[2];                                                                       \
        for (int which = 0; which < 2; which++) {                                                  \
            const vq_kernels *k = which ? v->ref : v->level;                                       \
            float *out = open_guarded(&g[which]);                                                  \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        assert_same(&g[0], &g[1], (used));                                                         \
    } while (0)

/* A number that a kernel returns, where margins are checked. */
static void keep(float *out, double x)
{
    memcpy(out, &x, sizeof x);
}

static void check_bf16_to_f32(const levels *v)
{
    BOTH(4 * v->n, k->bf16_to_f32((const uint8_t *)in_a + 1, out, v->n));
}

static void check_f16_to_f32(const levels *v)
{
    BOTH(4 * v->n, k->f16_to_f32((const uint8_t *)in_a + 1, out, v->n));
}

static void check_f32_to_bf16(const levels *v)
{
    BOTH(2 * v->n, k->f32_to_bf16(in_a + 1, (uint16_t *)(void *)out, v->n));
}

static void check_all_finite(const levels *v)
{
    for (size_t i = 0; i < v->n; i++) {
        const float old = in_a[1 + i];
        in_a[1 + i] = i % 3 ? (i % 2 ? INFINITY : -INFINITY) : NAN;
        assert_int_equal(v->level->all_finite(in_a + 1, v->n), 0);
        in_a[1 + i] = old;
    }
    assert_int_equal(v->level->all_finite(in_a + 1, v->n), 1);
}

static void check_absmax(const levels *v)
{
    BOTH(8, keep(out, (double)k->absmax(in_a + 1, v->n)));
}

static const size_t widths[] = {1, 3, 8, 16, 32, 64, 128, 1000};
#define WIDTHS (sizeof widths / sizeof widths[0])

static void check_range_blocks(const levels *v)
{
    for (size_t w = 0; w < WIDTHS; w++) {
        const size_t groups = (v->n + widths[w] - 1) / widths[w];
        float other[MOST];
        BOTH(4 * groups, k->range_blocks(in_a + 1, v->n, widths[w], out, other));
        BOTH(4 * groups, k->range_blocks(in_a + 1, v->n, widths[w], other, out));
    }
}

static void check_range_columns(const levels *v)
{
    const size_t n = v->n / 4;
    float other[MOST];
    for (size_t rows = 0; rows < 4; rows++) {
        memcpy(other, in_b, sizeof other);
        BOTH(4 * n, memcpy(out, in_b + 1, 4 * n);
             k->range_columns(out, other, in_a + 1, n, rows, n));
        BOTH(4 * n, memcpy(out, in_b + 1, 4 * n);
             k->range_columns(other, out, in_a + 1, n, rows, n));
    }
}

static float scales[MOST];
static int16_t zeros[MOST];

static void fill_scales(void)
{
    for (size_t i = 0; i < MOST; i++) {
        scales[i] = 0.001F + (float)((i * 7919) % 97) * 0.01F;
        zeros[i] = (int16_t)((int)(i % 15) - 8);
    }
}

static const int16_t *zeros_of(const vq_num *num)
{
    return num->zero == VQ_ZERO_INT ? zeros : NULL;
}

static void encode_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    for (size_t w = 0; w < WIDTHS; w++)
        BOTH(v->n,
             k->encode_row(num, in_a + 1, v->n, widths[w], scales, zeros_of(num), (uint8_t *)out));
}

static void decode_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    uint8_t codes[MOST + 1];
    for (size_t i = 0; i <= MOST; i++)
        codes[i] = (uint8_t)((i * 37) & ((1U << num->grid.bits) - 1));
    for (size_t w = 0; w < WIDTHS; w++)
        BOTH(4 * v->n, k->decode_row(num, codes + 1, v->n, widths[w], scales, zeros_of(num), out));
}

static void scale_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    const vq_global_scale global_scale[] = {{0.01F, false}, {37.0F, true}};
    for (int s = 0; s < 4; s++) {
        int16_t zero[2][MOST] = {{0}};
        BOTH(4 * v->n, k->scale_row(num, in_b + 1, in_c + 1, v->n, global_scale[s / 2],
                                    s % 2 ? VQ_BF16 : VQ_F32, out, zero[which]));
        assert_memory_equal(zero[0], zero[1], sizeof zero[0]);
    }
}

static void effective_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    BOTH(4 * v->n, k->effective_row(num, in_c + 1, v->n, (vq_global_scale){37.0F, true}, out));
    BOTH(4 * v->n, k->effective_row(num, in_c + 1, v->n, (vq_global_scale){0.1F, false}, out));
}

static void nudge_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    for (size_t w = 0; w < WIDTHS; w++) {
        float slope[2][MOST] = {{0}};
        BOTH(4 * v->n, memcpy(out, in_a + 1, 4 * v->n); k->nudge_row(
            num, out, in_b + 1, in_b + 3, v->n, widths[w], scales, 0.02F, slope[which]));
        assert_memory_equal(slope[0], slope[1], sizeof slope[0]);
    }
}

static void check_encode_row(const levels *v)
{
    each_num(encode_num, (void *)v);
}

static void check_decode_row(const levels *v)
{
    each_num(decode_num, (void *)v);
}

static void check_scale_row(const levels *v)
{
    each_num(scale_num, (void *)v);
}

static void check_effective_row(const levels *v)
{
    each_num(effective_num, (void *)v);
}

static void each_of_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    float y[2][MOST];
    uint8_t codes[2][MOST];
    memset(y, 0, sizeof y);
    memset(codes, 0, sizeof codes);
    BOTH(v->n, k->round_each(num, in_a + 1, v->n, scales, zeros_of(num), (uint8_t *)out, y[which]));
    BOTH(4 * v->n, k->round_each(num, in_a + 1, v->n, scales, zeros_of(num), codes[which], out));
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(codes[0], codes[1], sizeof codes[0]);
}

static void check_round_each(const levels *v)
{
    each_num(each_of_num, (void *)v);
}

static void chain_of_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    static float triangle[40 * 40];
    const size_t n = v->n < 40 ? v->n : 40;
    float x[2][40], y[2][40];
    memset(y, 0, sizeof y);
    fill_row(triangle, 40 * 40, 5, 3);
    for (int w = 0; w < 2; w++) memcpy(x[w], in_b + 3, sizeof x[w]);
    BOTH(n, k->round_chain(num, x[which], n, in_b + 1, scales, zeros_of(num), triangle, 40,
                           (uint8_t *)out, y[which]));
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

static void check_round_chain(const levels *v)
{
    each_num(chain_of_num, (void *)v);
}

static void errors_of_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    for (size_t w = 2; w < WIDTHS; w++) {
        double error[2][MOST] = {{0}};
        const size_t groups = (v->n + widths[w] - 1) / widths[w];
        for (int d = 0; d < 2; d++)
            BOTH(8 * groups, k->rounding_errors(num, in_a + 1, d ? in_b + 2 : NULL, v->n, widths[w],
                                                scales, zeros_of(num), error[which]);
                 memcpy(out, error[which], 8 * groups));
    }
}

static void check_rounding_errors(const levels *v)
{
    each_num(errors_of_num, (void *)v);
}

/* Codes as a search over e4m3 scales has them, near the largest |x| of each group and far from it.
 */
static void fill_codes(vq_scale_codes *c, const vq_num *num)
{
    const vq_grid *grid = vq_scale_grid(VQ_SCALE_E4M3);
    memset(c, 0, sizeof *c);
    for (int i = 0; i <= grid->max_code; i++) {
        c->value[i] = vq_decode(grid, (uint32_t)i);
        c->effective[i] = c->value[i] * 0.3F;
        c->first[i] = (uint8_t)(i < 5 ? i > 0 : i - 4);
        c->last[i] = (uint8_t)(i + 2 < grid->max_code ? i + 2 : grid->max_code);
    }
    c->qmax = num->grid.max + 1;
}

static void codes_of_num(void *ctx, const vq_num *num)
{
    const levels *v = ctx;
    vq_scale_codes codes;
    uint8_t plain[MOST], negative[MOST];
    fill_codes(&codes, num);
    for (size_t i = 0; i < MOST; i++) {
        plain[i] = (uint8_t)(i * 29 % 127);
        negative[i] = i % 3 == 0;
    }
    for (size_t w = 2; w < WIDTHS; w++) {
        vq_code_search s = {
            .codes = &codes, .x = in_a + 1, .n = v->n, .block = widths[w], .plain = plain};
        const size_t groups = (v->n + widths[w] - 1) / widths[w];
        for (int d = 0; d < 4; d++) {
            s.d = d % 2 ? in_c + 2 : NULL;
            s.negative = d / 2 ? negative : NULL;
            s.both = d == 3;
            BOTH(2 * groups, k->search_codes(num, &s, (int16_t *)out));
        }
    }
}

static void check_search_codes(const levels *v)
{
    for (size_t i = 0; i < MOST + 8; i++) in_c[i] = fabsf(in_b[i]);
    each_num(codes_of_num, (void *)v);
}

static void check_add_rows(const levels *v)
{
    const size_t n = v->n / 4;
    for (size_t rows = 0; rows < 4; rows++)
        BOTH(4 * n, memcpy(out, in_a + 1, 4 * n);
             k->add_rows(out, in_b + 1, n, in_b + 7, 3, rows, n));
}

static void check_add_squares(const levels *v)
{
    const size_t n = v->n / 2;
    double sum[2][MOST];
    for (size_t i = 0; i < n; i++) sum[0][i] = sum[1][i] = (double)in_c[i];
    BOTH(8 * n, k->add_squares(sum[which], in_a + 1, in_b + 2, 0.3, n);
         memcpy(out, sum[which], 8 * n));
}

static void check_nudge_row(const levels *v)
{
    each_num(nudge_num, (void *)v);
}

static void check_error_sums(const levels *v)
{
    double other;
    BOTH(8, double sum; k->error_sums(in_a + 1, in_b + 2, v->n, &sum, &other); keep(out, sum));
    BOTH(8, double sum; k->error_sums(in_a + 1, in_b + 2, v->n, &other, &sum); keep(out, sum));
}

static void check_dot(const levels *v)
{
    BOTH(8, keep(out, k->dot(in_a + 1, in_b + 2, v->n)));
}

static void check_rms_norm(const levels *v)
{
    BOTH(4 * v->n, k->rms_norm(in_a + 1, in_b + 2, 1e-5F, v->n, out));
}

static void check_silu_mul(const levels *v)
{
    BOTH(4 * v->n, k->silu_mul(in_a + 1, in_b + 2, v->n, out));
}

static void check_softmax(const levels *v)
{
    for (size_t live = 0; live <= v->n; live += 1 + v->n / 4)
        BOTH(4 * v->n, memcpy(out, in_a + 1, 4 * v->n); k->softmax(out, live, v->n, 0.3F));
}

static void check_log_sum_exp(const levels *v)
{
    BOTH(8, keep(out, k->log_sum_exp(in_a + 1, v->n)));
}

static void check_kl_row(const levels *v)
{
    BOTH(8, keep(out, k->kl_row(in_a + 1, 1.5, in_b + 2, 1.25, v->n)));
}

static void check_rope(const levels *v)
{
    const size_t d = v->n / 2 * 2;
    BOTH(4 * d, memcpy(out, in_a + 1, 4 * d); k->rope(out, in_b + 1, in_b + 3, d));
}

static void check_add(const levels *v)
{
    BOTH(4 * v->n, memcpy(out, in_a + 1, 4 * v->n); k->add(out, in_b + 1, v->n));
}

static void check_rms_norm_back(const levels *v)
{
    BOTH(4 * v->n, k->rms_norm_back(in_a + 1, in_b + 2, in_b + 3, 1e-5F, v->n, out));
    BOTH(4 * v->n, memcpy(out, in_a + 2, 4 * v->n);
         k->rms_norm_back(in_a + 1, in_b + 2, out, 1e-5F, v->n, out));
}

static void check_silu_mul_back(const levels *v)
{
    float other[MOST];
    BOTH(4 * v->n, k->silu_mul_back(in_a + 1, in_b + 2, in_b + 3, v->n, out, other));
    BOTH(4 * v->n, k->silu_mul_back(in_a + 1, in_b + 2, in_b + 3, v->n, other, out));
    BOTH(4 * v->n, memcpy(out, in_a + 2, 4 * v->n);
         k->silu_mul_back(in_a + 1, in_b + 2, out, v->n, out, other));
}

static void check_softmax_back(const levels *v)
{
    BOTH(4 * v->n, memcpy(out, in_a + 1, 4 * v->n); k->softmax_back(in_b + 2, v->n, 0.3F, out));
}

static void check_rope_back(const levels *v)
{
    const size_t d = v->n / 2 * 2;
    BOTH(4 * d, memcpy(out, in_a + 1, 4 * d); k->rope_back(out, in_b + 1, in_b + 3, d));
}

static void check_hadamard_row(const levels *v)
{
    static const size_t blocks[] = {16, 32, 64, 128, 256, 192, 320, 576};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        const size_t block = blocks[i], n = v->n / block * block;
        BOTH(4 * n, memcpy(out, in_a + 1, 4 * n); k->hadamard_row(out, n, block));
    }
}

/* One line per kernel: a new kernel does not compile here without a check of its own. */
static void (*const checks[])(const levels *v) = {
#define VQ_KERNEL(ret, name, args) check_##name,
#include "kernels/kernels.inc"
#undef VQ_KERNEL
};

static void compare(const char *isa)
{
    vq_kernels level, ref;
    vq_err e;
    assert_int_equal(vq_kernels_select(&ref, "ref", false, &e), VQ_OK);
    const vq_status s = vq_kernels_select(&level, isa, false, &e);
    if (s == VQ_E_LIMIT) {
        print_message("%s\n", e.text);
        skip();
    }
    assert_int_equal(s, VQ_OK);
    fill_scales();
    const size_t sizes[] = {0,  1,  2,  3,  7,  8,  9,   15,  16,  17,
                            31, 32, 33, 63, 64, 65, 127, 129, 320, 391};
    for (size_t c = 0; c < sizeof checks / sizeof checks[0]; c++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            fill_row(in_a, MOST + 8, 1 + (uint32_t)i, 6);
            fill_row(in_b, MOST + 8, 99 + (uint32_t)i, 2);
            fill_row(in_c, MOST + 8, 7 + (uint32_t)i, 130);
            checks[c](&(levels){&level, &ref, sizes[i]});
        }
    }
}

/* ref against itself: the margins. */
static void test_ref(void **state)
{
    (void)state;
    compare("ref");
}

static void test_avx2(void **state)
{
    (void)state;
    compare("avx2");
}

static void test_avx512(void **state)
{
    (void)state;
    compare("avx512");
}

static void test_select(void **state)
{
    (void)state;
    vq_kernels k;
    vq_err e;
    assert_int_equal(vq_kernels_select(&k, "sse9", false, &e), VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "sse9"));
    assert_int_equal(vq_kernels_select(&k, NULL, true, &e), VQ_OK);
    assert_string_equal(k.isa, vq_kernels_best());
    assert_true(k.strict);
    assert_int_equal(vq_kernels_select(&k, "auto", false, &e), VQ_OK);
    assert_false(k.strict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
