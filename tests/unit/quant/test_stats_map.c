/* test_stats_map.c -- mapped statistics are those of the mapped inputs. */
#include <omp.h>

#include "base/num/hadamard_matrix.h"
#include "show.h"
#include "transform_world.h"

enum { K = 192, TOKENS = 40 };

static float scale[K];
static int32_t order[K];

/* Entry (i, j) of the rotation of a block: Paley's factor times Sylvester's. */
static int sign_at(int64_t block, int64_t i, int64_t j)
{
    static int8_t paley[VQ_HADAMARD_CORE * VQ_HADAMARD_CORE];
    const int64_t m = vq_hadamard_core(block), run = block / m;
    const int sylvester =
        __builtin_popcountll((unsigned long long)(i % run & j % run)) % 2 ? -1 : 1;
    if (m == 1) return sylvester;
    vq_hadamard_signs(m, paley);
    return paley[i / run * m + j / run] * sylvester;
}

/* The inputs as the map leaves them, by definition. */
static double *map_inputs(transform_world *w, const double *x, const vq_input_map *m)
{
    double *y = VQ_ALLOC(&w->arena, double, TOKENS *K, "mapped", &w->err);
    double row[K];
    for (int64_t t = 0; t < TOKENS; t++) {
        for (int64_t i = 0; i < K; i++) {
            const int64_t from = m->order ? m->order[i] : i;
            row[i] = x[t * K + from] / (m->scale ? (double)m->scale[from] : 1);
        }
        for (int64_t i = 0; i < K; i++) {
            y[t * K + i] = m->hadamard ? 0 : row[i];
            const int64_t block = m->hadamard ? m->hadamard : 1, at = i / block * block;
            for (int64_t j = 0; m->hadamard && j < block; j++)
                y[t * K + i] += sign_at(block, i - at, j) * row[at + j] / sqrt((double)block);
        }
    }
    return y;
}

static void close_moments(const float *got, const float *want)
{
    for (int64_t i = 0; i < K; i++)
        for (int64_t j = 0; j < K; j++) {
            const double size = sqrt((double)want[i * K + i] * (double)want[j * K + j]);
            assert_near(got[i * K + j], want[i * K + j], 1e-6 * size);
            assert_eq(got[i * K + j], got[j * K + i]);
        }
}

static void close_vectors(const vq_stats *got, const vq_stats *want)
{
    for (int64_t i = 0; i < K; i++) {
        assert_float_equal(got->min[i], want->min[i], 1e-6F * want->absmax[i]);
        assert_float_equal(got->max[i], want->max[i], 1e-6F * want->absmax[i]);
        assert_float_equal(got->absmax[i], want->absmax[i], 1e-6F * want->absmax[i]);
        assert_near(got->abs_sum[i], want->abs_sum[i], 1e-9 * want->abs_sum[i]);
    }
}

/* A world with everything in it: histogram, tail counts, one linear with both factors. */
static vq_stats whole_stats(transform_world *w, const double *x, const double *gradient)
{
    static uint64_t histogram[VQ_HIST_BINS];
    static float output[4];
    vq_stats s = world_stats(w, x, TOKENS, K);
    s.histogram = histogram;
    s.tail_count = 17;
    static vq_curvature linear;
    s.linears = &linear;
    s.nlinears = 1;
    s.linears[0] = (vq_curvature){.name = "l",
                                  .n = 2,
                                  .output = output,
                                  .input = world_second_moment(w, x, gradient, TOKENS, K)};
    s.gathered |= VQ_NEED_TAIL | VQ_NEED_HISTOGRAM | VQ_NEED_FISHER | VQ_NEED_OUTPUT;
    return s;
}

static void check_map(const vq_input_map *m, unsigned want_lost)
{
    transform_world w;
    vq_stats got;
    double gradient[TOKENS];
    unsigned lost = 1U << 31;
    world_open(&w);
    for (int t = 0; t < TOKENS; t++) gradient[t] = 0.01 * (t % 13 + 1);
    const double *x = world_inputs(&w, TOKENS, K, 3), *y = map_inputs(&w, x, m);
    const vq_stats in = whole_stats(&w, x, gradient), want = world_stats(&w, y, TOKENS, K);
    assert_int_equal(vq_stats_map(&in, m, &got, &lost, &w.scratch, &w.err), VQ_OK);
    assert_int_equal(lost, want_lost);
    assert_int_equal(got.gathered, in.gathered & ~want_lost);
    assert_eq(got.k, K);
    assert_eq(got.tokens, TOKENS);
    assert_eq(got.nlinears, 1);
    close_moments(got.hessian, want.hessian);
    close_moments(got.linears[0].input, world_second_moment(&w, y, gradient, TOKENS, K));
    assert_ptr_equal(got.linears[0].output, in.linears[0].output);
    if (want_lost & VQ_NEED_RANGE)
        assert_true(!got.min && !got.max && !got.absmax && !got.abs_sum);
    else
        close_vectors(&got, &want);
    assert_true(want_lost & VQ_NEED_HISTOGRAM
                    ? !got.histogram && !got.tail_count
                    : got.histogram == in.histogram && got.tail_count == 17);
    vq_arena_done(&w.scratch);
    world_close(&w);
}

static void test_scale(void **state)
{
    (void)state;
    check_map(&(vq_input_map){.scale = scale}, VQ_NEED_TAIL | VQ_NEED_HISTOGRAM);
}

static void test_order(void **state)
{
    (void)state;
    check_map(&(vq_input_map){.order = order}, 0);
}

static void test_hadamard(void **state)
{
    (void)state;
    static const int64_t blocks[] = {16, 32, 64, 192};
    for (int i = 0; i < 4; i++)
        check_map(&(vq_input_map){.hadamard = blocks[i]},
                  VQ_NEED_RANGE | VQ_NEED_MEAN | VQ_NEED_TAIL | VQ_NEED_HISTOGRAM);
}

/* In the order of the header: scaled, gathered, rotated. */
static void test_all_together(void **state)
{
    (void)state;
    check_map(&(vq_input_map){.scale = scale, .order = order}, VQ_NEED_TAIL | VQ_NEED_HISTOGRAM);
    check_map(&(vq_input_map){.scale = scale, .order = order, .hadamard = 32},
              VQ_NEED_RANGE | VQ_NEED_MEAN | VQ_NEED_TAIL | VQ_NEED_HISTOGRAM);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    transform_world w;
    vq_stats out;
    unsigned lost = 1;
    world_open(&w);
    const vq_stats in = world_stats(&w, world_inputs(&w, TOKENS, K, 3), TOKENS, K);
    assert_int_equal(vq_stats_map(&in, &(vq_input_map){.s = 16}, &out, &lost, &w.scratch, &w.err),
                     VQ_OK);
    assert_int_equal(lost, 0);
    assert_memory_equal(&out, &in, sizeof in);
    world_close(&w);
}

static void test_threads_and_bad_blocks(void **state)
{
    (void)state;
    transform_world w;
    vq_stats one, two;
    unsigned lost;
    const int threads = omp_get_max_threads();
    world_open(&w);
    const vq_stats in = world_stats(&w, world_inputs(&w, TOKENS, K, 9), TOKENS, K);
    const vq_input_map m = {.hadamard = 16};
    omp_set_num_threads(1);
    assert_int_equal(vq_stats_map(&in, &m, &one, &lost, &w.arena, &w.err), VQ_OK);
    omp_set_num_threads(5);
    assert_int_equal(vq_stats_map(&in, &m, &two, &lost, &w.arena, &w.err), VQ_OK);
    omp_set_num_threads(threads);
    assert_memory_equal(one.hessian, two.hessian, K * K * sizeof(float));
    assert_int_equal(
        vq_stats_map(&in, &(vq_input_map){.hadamard = 48}, &one, &lost, &w.arena, &w.err),
        VQ_E_BUG);
    assert_int_equal(
        vq_stats_map(&in, &(vq_input_map){.hadamard = 128}, &one, &lost, &w.arena, &w.err),
        VQ_E_BUG);
    world_close(&w);
}

int main(void)
{
    for (int i = 0; i < K; i++) {
        scale[i] = 0.25F + (float)(i % 17) * 0.3F;
        order[i] = (i * 31 + 7) % K;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),         cmocka_unit_test(test_order),
        cmocka_unit_test(test_hadamard),      cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_nothing_to_do), cmocka_unit_test(test_threads_and_bad_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
