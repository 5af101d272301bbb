/* test_bf16_product.c -- products of inputs rounded to bf16 against f64 loops over edge shapes, at
 * every level; exact data; thread counts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "kernels/bf16_product.h"
#include "show.h"

static vq_arena arena;
static uint32_t *packed; /* room of the products */

static float *room(int64_t n)
{
    vq_err e;
    float *x = VQ_ALLOC(&arena, float, n, "matrix", &e);
    assert_non_null(x);
    return x;
}

static bool open_kernels(vq_kernels *kr, const char *isa)
{
    vq_err e;
    if (vq_kernels_select(kr, isa, false, &e) != VQ_OK) {
        print_message("%s\n", e.text);
        return false;
    }
    kr->bf16 = packed;
    return true;
}

/* Values with more digits than bf16 has. */
static float *values(int64_t n, uint32_t seed)
{
    float *x = room(n);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = (float)((int32_t)seed >> 8) * 0x1p-23F;
    }
    return x;
}

/* The scalar definition of base/num.h, in f64. */
static double rounded(float x)
{
    return (double)vq_bf16_to_f32(vq_f32_to_bf16(x));
}

static double value_at(const vq_bf16_side *s, int64_t lane, int64_t p)
{
    return rounded(s->across ? s->x[p * s->ld + lane] : s->x[lane * s->ld + p]);
}

static const float margin = -77.0F;

/* Every element within what roundings of f32 sums of k terms add up to, everything outside of C
 * untouched. Of large products some rows. */
static void assert_product(const vq_bf16_product *q, const float *before)
{
    const int64_t some = 1 + q->m * q->n * q->k / (1 << 25);
    for (int64_t i = 0; i < q->m; i += some) {
        for (int64_t j = 0; j < q->ldc; j++) {
            const float was = before[i * q->ldc + j], is = q->c[i * q->ldc + j];
            if (j >= q->n || (q->lower && j > i)) {
                assert_eq(is, was);
                continue;
            }
            double sum = q->add ? (double)was : 0, size = fabs(sum);
            for (int64_t p = 0; p < q->k; p++) {
                const double term = value_at(&q->a, i, p) * value_at(&q->b, j, p);
                sum += term;
                size += fabs(term);
            }
            if (!(fabs((double)is - sum) <= 6e-8 * (8 + sqrt((double)q->k)) * size))
                fail_msg("[%d][%d]: %g, not %g", (int)i, (int)j, (double)is, sum);
        }
    }
}

static vq_bf16_side side(int64_t lanes, int64_t k, bool across, uint32_t seed)
{
    const int64_t ld = (across ? lanes : k) + 3;
    return (vq_bf16_side){.x = values((across ? k : lanes) * ld, seed), .ld = ld, .across = across};
}

static float *copy_of(const float *x, int64_t n)
{
    float *c = room(n);
    memcpy(c, x, (size_t)n * sizeof *c);
    return c;
}

static void check(const vq_kernels *kr, vq_bf16_product q)
{
    const int64_t size = q.m * (q.n + 2);
    float *before = values(size, 9);
    for (int64_t i = 0; i < q.m; i++)
        for (int64_t j = q.n; j < q.n + 2; j++) before[i * (q.n + 2) + j] = margin;
    q.ldc = q.n + 2;
    q.c = copy_of(before, size);
    vq_bf16_multiply(kr, &q);
    assert_product(&q, before);
    memcpy(q.c, before, (size_t)size * sizeof *before);
    vq_bf16_multiply_tile(kr, &q);
    assert_product(&q, before);
}

/* Around one tile of the kernels, blocks of a thread's tile, the depth of a packed block. */
static const int64_t shapes[][3] = {{1, 1, 1},    {8, 48, 2},    {7, 47, 33},  {9, 49, 31},
                                    {16, 96, 64}, {97, 50, 65},  {33, 385, 5}, {101, 150, 700},
                                    {515, 60, 3}, {20, 30, 641}, {8, 48, 1300}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static void all_shapes(const vq_kernels *kr)
{
    static const bool ways[][2] = {{false, false}, {false, true}, {true, true}, {true, false}};
    for (size_t s = 0; s < SHAPES; s++) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        const vq_arena_mark mark = vq_arena_here(&arena);
        for (int way = 0; way < 4; way++) {
            const vq_bf16_product q = {
                m, n,     k,    side(m, k, ways[way][0], 1), side(n, k, ways[way][1], 2), NULL,
                0, false, false};
            vq_bf16_product sum = q;
            sum.add = true;
            check(kr, q);
            check(kr, sum);
        }
        for (int across = 0; across < 2; across++) {
            const vq_bf16_side x = side(n, k, across, 3);
            check(kr, (vq_bf16_product){n, n, k, x, x, NULL, 0, true, true});
        }
        vq_arena_rewind(&arena, mark);
    }
}

/* More columns, and more of them than the room takes at once; more rows of a lower triangle, too.
 */
static void test_room(void **state)
{
    (void)state;
    vq_kernels kr;
    assert_true(open_kernels(&kr, NULL));
    const vq_bf16_side a = side(9, 4101, false, 1), b = side(1100, 4101, false, 2),
                       c = side(1100, 4101, true, 3);
    check(&kr, (vq_bf16_product){9, 1100, 4101, a, b, NULL, 0, false, false});
    check(&kr, (vq_bf16_product){9, 1100, 4101, a, c, NULL, 0, true, false});
    const vq_bf16_side wide = side(1104, 2000, true, 4);
    check(&kr, (vq_bf16_product){1104, 1104, 2000, wide, wide, NULL, 0, true, true});
}

/* Weights as they are stored, at an odd address: the bits of the same weights in f32. */
static void assert_stored(const vq_kernels *kr)
{
    for (size_t i = 0; i < SHAPES; i++) {
        const int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        const vq_arena_mark mark = vq_arena_here(&arena);
        const float *a = values(m * k, 1);
        float *b = values(n * k, 2), *c = room(m * n), *d = room(m * n);
        unsigned char *stored = (unsigned char *)room(n * k) + 1;
        for (int64_t j = 0; j < n * k; j++) {
            const uint16_t bits = vq_f32_to_bf16(b[j]);
            memcpy(stored + j * 2, &bits, sizeof bits);
        }
        vq_gemm_nt(kr, m, n, k, a, k, b, k, c, n);
        vq_gemm_nt_stored(kr, m, n, k, a, k, stored, d, n);
        assert_memory_equal(c, d, (size_t)(m * n) * sizeof *c);
        vq_arena_rewind(&arena, mark);
    }
}

/* The level, and where it multiplies pairs, also BLAS on copies. */
static void each_way(const char *isa)
{
    vq_kernels kr;
    if (!open_kernels(&kr, isa)) return;
    all_shapes(&kr);
    assert_stored(&kr);
    if (!kr.pairs) return;
    kr.pairs = NULL;
    all_shapes(&kr);
    assert_stored(&kr);
}

static void test_levels(void **state)
{
    (void)state;
    each_way("ref");
    each_way("avx2");
    each_way("avx512");
    each_way("amx");
}

/* Nothing to sum over: zeros, or what was there. */
static void test_empty(void **state)
{
    (void)state;
    vq_kernels kr;
    float c[6] = {1, 2, 3, 4, 5, 6};
    assert_true(open_kernels(&kr, NULL));
    vq_bf16_multiply(&kr, &(vq_bf16_product){2, 2, 0, vq_bf16_rows(c, 1), vq_bf16_rows(c, 1), c, 3,
                                             true, false});
    assert_eq(c[0], 1);
    assert_eq(c[4], 5);
    vq_bf16_multiply(&kr, &(vq_bf16_product){2, 2, 0, vq_bf16_rows(c, 1), vq_bf16_rows(c, 1), c, 3,
                                             false, false});
    assert_eq(c[0], 0);
    assert_eq(c[1], 0);
    assert_eq(c[2], 3);
    assert_eq(c[3], 0);
    assert_eq(c[4], 0);
    assert_eq(c[5], 6);
}

/* A NaN or an infinity of an input is in every sum that takes it, and nowhere else. */
static void test_not_finite(void **state)
{
    (void)state;
    vq_kernels kr;
    assert_true(open_kernels(&kr, NULL));
    enum { M = 20, N = 60, K = 37 };
    float *a = values(M * K, 4), *b = values(N * K, 5), *c = room(M * N);
    uint32_t low = 0x7F800001; /* rounding alone would make an infinity of it */
    memcpy(&a[3 * K + 36], &low, sizeof low);
    a[11 * K + 5] = INFINITY;
    vq_bf16_multiply(&kr, &(vq_bf16_product){M, N, K, vq_bf16_rows(a, K), vq_bf16_rows(b, K), c, N,
                                             false, false});
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++)
            assert_true(i == 3    ? isnan(c[i * N + j])
                        : i == 11 ? isinf(c[i * N + j])
                                  : isfinite(c[i * N + j]));
}

/* The products of kernels.h go this way when the table says so; strict mode does not. */
static void test_table(void **state)
{
    (void)state;
    enum { M = 70, N = 100, K = 50 };
    const float *a = values(M * K, 6), *b = values(N * K, 7), *bn = values(K * N, 8),
                *bt = values(M * N, 10);
    float *c = room(M * N), *d = room(M * N);
    vq_kernels kr;
    vq_err e;
    assert_int_equal(vq_kernels_select(&kr, NULL, true, &e), VQ_OK);
    vq_gemm_nt(&kr, M, N, K, a, K, b, K, c, N);
    kr.bf16 = packed;
    vq_gemm_nt(&kr, M, N, K, a, K, b, K, d, N);
    assert_memory_equal(c, d, M * N * sizeof *c);
    kr.strict = false;
    memset(c, 0, M * N * sizeof *c);
    vq_bf16_product q = {M, N, K, vq_bf16_rows(a, K), vq_bf16_rows(b, K), d, N, false, false};
    vq_gemm_nt(&kr, M, N, K, a, K, b, K, d, N);
    assert_product(&q, c);
    q.b = vq_bf16_columns(bn, N);
    vq_gemm_nn(&kr, M, N, K, a, K, bn, N, d, N);
    assert_product(&q, c);
    memcpy(c, d, M * N * sizeof *c);
    q.add = true;
    vq_gemm_nn_add(&kr, M, N, K, a, K, bn, N, d, N);
    assert_product(&q, c);
    q.add = false;
    vq_gemm_tile_nn(&kr, M, N, K, a, K, bn, N, d, N);
    assert_product(&q, c);
    q.b = vq_bf16_rows(b, K);
    vq_gemm_tile_nt(&kr, M, N, K, 1, a, K, b, K, d, N);
    assert_product(&q, c);
    vq_gemm_tile_nt(&kr, M, N, K, 0.25F, a, K, b, K, c, N);
    for (int i = 0; i < M * N; i++) assert_eq(c[i], 0.25F * d[i]);
    q = (vq_bf16_product){K, N,    M,    vq_bf16_columns(a, K), vq_bf16_columns(bt, N), d,
                          N, true, false};
    memcpy(c, d, K * N * sizeof *c);
    vq_gemm_tile_tn_add(&kr, M, K, N, a, K, bt, N, d, N);
    assert_product(&q, c);
    memcpy(c, d, K * N * sizeof *c);
    vq_gemm_tn_add(&kr, M, K, N, a, K, bt, N, d, N);
    assert_product(&q, c);
    q = (vq_bf16_product){K, K, M, vq_bf16_columns(a, K), vq_bf16_columns(a, K), d, K, true, true};
    memcpy(c, d, K * K * sizeof *c);
    vq_gemm_tn_add_lower(&kr, M, K, a, K, d, K);
    assert_product(&q, c);
}

static void test_threads(void **state)
{
    (void)state;
    const int64_t m = 700, n = 900, k = 1301;
    const vq_bf16_side a = side(m, k, false, 1), b = side(n, k, true, 2);
    float *first = room(n * n), *c = room(n * n);
    vq_kernels kr;
    assert_true(open_kernels(&kr, NULL));
    for (int lower = 0; lower < 2; lower++) {
        for (int t = 1; t <= 3; t++) {
            float *to = t == 1 ? first : c;
            memset(to, 0, (size_t)(n * n) * sizeof *to);
            omp_set_num_threads(t);
            vq_bf16_multiply(&kr, lower ? &(vq_bf16_product){n, n, k, b, b, to, n, true, true}
                                        : &(vq_bf16_product){m, n, k, a, b, to, n, false, false});
            assert_memory_equal(to, first, (size_t)(n * n) * sizeof *to);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    vq_err e;
    vq_arena_init(&arena, NULL);
    packed = VQ_ALLOC(&arena, uint32_t, VQ_BF16_ROOM, "packed columns", &e);
    return !packed;
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels), cmocka_unit_test(test_room),
        cmocka_unit_test(test_empty),  cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_table),  cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
