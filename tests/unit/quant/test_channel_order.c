/* test_channel_order.c -- sorted channels, and that MLP and attention compute what they did before.
 */
#include "base/exchange/edit.h"
#include "show.h"
#include "transform_world.h"

enum { K = 96, N = 12, TOKENS = 7, HIDDEN = 20 };

static vq_input_map map_of(transform_world *w, const vq_stats *s, vq_producer producer,
                           const char *by)
{
    const vq_option_set o = world_options(&vq_transform_order, "by", by);
    vq_transform_job job = {.options = &o,
                            .stats = s,
                            .producer = producer,
                            .arena = &w->arena,
                            .scratch = &w->scratch};
    if (vq_transform_order.run(&job, &w->err) != VQ_OK) fail_msg("%s", w->err.text);
    return job.map;
}

static void test_sorted(void **state)
{
    (void)state;
    transform_world w;
    world_open(&w);
    vq_stats s = world_stats(&w, world_inputs(&w, TOKENS, K, 8), TOKENS, K);
    s.absmax[50] = 99; /* the two statistics disagree here */
    for (int by = 0; by < 2; by++) {
        const vq_input_map m =
            map_of(&w, &s, (vq_producer){.kind = VQ_PRODUCER_ROWS}, by ? "hessian" : "absmax");
        assert_true(m.fold_order && !m.scale && !m.hadamard && !m.s);
        bool seen[K] = {false};
        float last = -1;
        for (int i = 0; i < K; i++) {
            const int64_t c = m.order[i];
            const float now = by ? s.hessian[c * K + c] : s.absmax[c];
            assert_ge(now, last);
            assert_true(!seen[c]);
            seen[c] = true;
            last = now;
        }
        assert_int_equal(m.order[K - 1], by ? 5 : 50);
    }
    world_close(&w);
}

static void gather(transform_world *w, float *x, int64_t rows, int64_t cols, vq_edit_side side,
                   const int32_t *order)
{
    const vq_edit d = {.tensor = "t",
                       .kind = VQ_EDIT_GATHER,
                       .side = side,
                       .order = order,
                       .n = side == VQ_EDIT_ROWS ? rows : cols};
    assert_int_equal(vq_edit_apply(&d, x, rows, cols, &w->scratch, &w->err), VQ_OK);
}

/* silu(gate x) * (up x), exactly the same numbers in another order. */
static float *middle(transform_world *w, const float *x, const float *gate, const float *up)
{
    float *g = VQ_ALLOC(&w->arena, float, TOKENS *K, "gate", &w->err),
          *u = VQ_ALLOC(&w->arena, float, TOKENS *K, "up", &w->err);
    for (int t = 0; t < TOKENS; t++)
        for (int r = 0; r < K; r++) {
            g[t * K + r] = (float)w->kernels.dot(x + t * HIDDEN, gate + r * HIDDEN, HIDDEN) / 60;
            u[t * K + r] = (float)w->kernels.dot(x + t * HIDDEN, up + r * HIDDEN, HIDDEN);
        }
    w->kernels.silu_mul(g, u, TOKENS * K, g);
    return g;
}

static double *as_doubles(transform_world *w, const float *x, int64_t n)
{
    double *d = VQ_ALLOC(&w->arena, double, n, "doubles", &w->err);
    for (int64_t i = 0; i < n; i++) d[i] = (double)x[i];
    return d;
}

static void test_mlp_is_kept(void **state)
{
    (void)state;
    transform_world w;
    world_open(&w);
    const float *x = world_matrix(&w, TOKENS, HIDDEN, 1);
    float *gate = world_matrix(&w, K, HIDDEN, 2), *up = world_matrix(&w, K, HIDDEN, 3),
          *down = world_matrix(&w, N, K, 4);
    const float *before = middle(&w, x, gate, up);
    const double *in = as_doubles(&w, before, TOKENS * K),
                 *want = world_product(&w, in, down, TOKENS, N, K);
    const vq_stats s = world_stats(&w, in, TOKENS, K);
    const int32_t *order = map_of(&w, &s, (vq_producer){.kind = VQ_PRODUCER_ROWS}, "absmax").order;
    gather(&w, gate, K, HIDDEN, VQ_EDIT_ROWS, order);
    gather(&w, up, K, HIDDEN, VQ_EDIT_ROWS, order);
    gather(&w, down, N, K, VQ_EDIT_COLS, order);
    const float *after = middle(&w, x, gate, up);
    int moved = 0;
    for (int i = 0; i < TOKENS * K; i++) assert_eq(after[i], before[i / K * K + order[i % K]]);
    for (int i = 0; i < K; i++) moved += order[i] != i;
    assert_gt(moved, K / 2);
    const double *got = world_product(&w, as_doubles(&w, after, TOKENS * K), down, TOKENS, N, K);
    for (int i = 0; i < TOKENS * N; i++) assert_near(got[i], want[i], 1e-9 * (1 + fabs(want[i])));
    world_close(&w);
}

/* What attention makes of values [TOKENS][kv_heads * d]: each query head a mixture of its own of
 * the tokens. */
static double *attend(transform_world *w, const double *v, const vq_producer *p)
{
    const int64_t k = p->heads * p->head_dim, kv = p->kv_heads * p->head_dim;
    double *out = VQ_NEW(&w->arena, double, TOKENS *k, "attended", &w->err);
    for (int64_t t = 0; t < TOKENS; t++)
        for (int64_t i = 0; i < k; i++)
            for (int64_t u = 0; u <= t; u++) {
                const double mix = 1.0 / (double)(1 + (i / p->head_dim + u) % 5);
                out[t * k + i] +=
                    mix * v[u * kv + i / p->head_dim / (p->heads / p->kv_heads) * p->head_dim +
                            i % p->head_dim];
            }
    return out;
}

/* Six query heads over two heads of values: the rows of v move inside their head, the columns of o
 * follow in every query head. */
static void test_grouped_attention_is_kept(void **state)
{
    (void)state;
    const vq_producer p = {.kind = VQ_PRODUCER_VALUES, .heads = 6, .kv_heads = 2, .head_dim = 16};
    enum { KV = 32 };
    transform_world w;
    world_open(&w);
    const double *x = world_inputs(&w, TOKENS, HIDDEN, 1);
    float *v = world_matrix(&w, KV, HIDDEN, 2), *o = world_matrix(&w, N, K, 3);
    const double *in = attend(&w, world_product(&w, x, v, TOKENS, KV, HIDDEN), &p),
                 *want = world_product(&w, in, o, TOKENS, N, K);
    const vq_stats s = world_stats(&w, in, TOKENS, K);
    for (int by = 0; by < 2; by++) {
        const int32_t *order = map_of(&w, &s, p, by ? "hessian" : "absmax").order;
        int32_t rows[KV];
        for (int64_t i = 0; i < K; i++) {
            const int64_t row = vq_producer_row(&p, i);
            assert_int_equal(order[i] / 16, i / 16); /* inside the head */
            if (i % 48 < 16) rows[row] = (int32_t)vq_producer_row(&p, order[i]);
            assert_int_equal(
                rows[row],
                vq_producer_row(&p, order[i])); /* the same in all heads that share the row */
        }
        gather(&w, v, KV, HIDDEN, VQ_EDIT_ROWS, rows);
        gather(&w, o, N, K, VQ_EDIT_COLS, order);
        const double *got = world_product(
            &w, attend(&w, world_product(&w, x, v, TOKENS, KV, HIDDEN), &p), o, TOKENS, N, K);
        for (int i = 0; i < TOKENS * N; i++)
            assert_near(got[i], want[i], 1e-9 * (1 + fabs(want[i])));
    }
    world_close(&w);
}

static void test_left_alone(void **state)
{
    (void)state;
    transform_world w;
    world_open(&w);
    vq_stats s = world_stats(&w, world_inputs(&w, TOKENS, K, 8), TOKENS, K);
    assert_null(map_of(&w, &s, (vq_producer){.kind = VQ_PRODUCER_NORM}, "absmax").order);
    assert_null(map_of(&w, &s, (vq_producer){.kind = VQ_PRODUCER_NONE}, "absmax").order);
    vq_option_set o = world_options(&vq_transform_order, NULL, NULL);
    assert_int_equal(vq_transform_order.needs(&o), VQ_NEED_RANGE);
    vq_transform_job job = {.options = &o, .stats = &s, .arena = &w.arena, .scratch = &w.scratch};
    job.producer =
        (vq_producer){.kind = VQ_PRODUCER_VALUES, .heads = 5, .kv_heads = 2, .head_dim = 16};
    assert_int_equal(vq_transform_order.run(&job, &w.err), VQ_E_BUG);
    job.producer.kind = VQ_PRODUCER_ROWS;
    s.absmax = NULL;
    assert_int_equal(vq_transform_order.run(&job, &w.err), VQ_E_BUG);
    o = world_options(&vq_transform_order, "by", "hessian");
    assert_int_equal(vq_transform_order.needs(&o), VQ_NEED_HESSIAN);
    assert_int_equal(vq_option_parse(&o, "by", "weight", &w.err), VQ_E_RECIPE);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_mlp_is_kept),
        cmocka_unit_test(test_grouped_attention_is_kept),
        cmocka_unit_test(test_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
