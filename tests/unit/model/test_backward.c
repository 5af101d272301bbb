/* test_backward.c -- gradients of whole blocks against central differences of the f64 loops; hooks,
 * threads, memory, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <omp.h>

#include "calib_world.h"
#include "decoder_reference.h"
#include "model/exec/back_plan.h"
#include "model/op/attention/kv_cache.h"
#include "model/op/norm.h"
#include "show.h"

enum {
    SEQUENCES = 2,
    LENGTH = 75,
    TOKENS = SEQUENCES * LENGTH,
    HIDDEN = 32,
    SIZE = TOKENS * HIDDEN,
    LAYER = 1
};

static const vq_batch batch = {.sequences = SEQUENCES, .length = LENGTH};

/* The block's input and d loss / d output; the loss is their product with the output. */
typedef struct rows {
    float h[SIZE], g[SIZE];
} rows;

static void fill_rows(rows *r)
{
    uint64_t seed = 19;
    for (int i = 0; i < SIZE; i++) {
        r->h[i] = 1.5f * memory_random(&seed);
        r->g[i] = memory_random(&seed);
    }
}

/* The loss in f64 with element `place` of the input moved by `step`. */
static double loss_at(const decoder_world *w, const rows *r, int64_t place, double step)
{
    const reference ref = {&w->config, &w->weights};
    static double x[LENGTH * HIDDEN];
    double loss = 0;
    for (int s = 0; s < SEQUENCES; s++) {
        const int64_t from = (int64_t)s * LENGTH * HIDDEN;
        for (int64_t i = 0; i < LENGTH * HIDDEN; i++)
            x[i] = (double)r->h[from + i] + (from + i == place ? step : 0);
        ref_attention(&ref, LAYER, x, LENGTH);
        for (int t = 0; t < LENGTH; t++) ref_mlp(&ref, LAYER, x + t * HIDDEN);
        for (int64_t i = 0; i < LENGTH * HIDDEN; i++) loss += x[i] * (double)r->g[from + i];
    }
    return loss;
}

/* d loss / d *weight, by moving it. */
static double weight_slope(const decoder_world *w, const rows *r, float *weight)
{
    const float old = *weight, step = 0x1p-9f;
    *weight = old + step;
    const double up = *weight, above = loss_at(w, r, -1, 0);
    *weight = old - step;
    const double down = *weight, below = loss_at(w, r, -1, 0);
    *weight = old;
    return (above - below) / (up - down);
}

/* What the hooks saw: gradients of weights by node, [n][k] or [width]. */
typedef struct seen {
    const decoder_world *world;
    float *grad[64];
    int order[64], count;
} seen;

static vq_status see_linear(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e)
{
    (void)e;
    seen *s = ctx;
    const vq_node *n = &s->world->graph.nodes[node];
    assert_null(s->grad[node]);
    s->grad[node] = calloc((size_t)(n->width * n->in_width), sizeof(float));
    vq_gemm_tn_add(&s->world->kernels, x->count, n->width, n->in_width, g, n->width, x->x,
                   n->in_width, s->grad[node], n->in_width);
    s->order[s->count++] = node;
    return VQ_OK;
}

static vq_status see_vector(void *ctx, int node, int i, const float *g, int64_t width, vq_err *e)
{
    (void)e;
    assert_int_equal(i, 0);
    seen *s = ctx;
    assert_null(s->grad[node]);
    s->grad[node] = malloc((size_t)width * sizeof(float));
    memcpy(s->grad[node], g, (size_t)width * sizeof(float));
    return VQ_OK;
}

static void forget(seen *s)
{
    for (int i = 0; i < 64; i++) free(s->grad[i]);
}

static void near_slope(double got, double want)
{
    if (fabs(got - want) <= 3e-4 * (1 + fabs(want))) return;
    fail_msg("%.9g, by differences %.9g", got, want);
}

static void check_weight(const decoder_world *w, const rows *r, const char *tensor,
                         const float *grad, int64_t n)
{
    float *weight = memory_data(&w->weights, tensor);
    assert_non_null(weight);
    assert_non_null(grad);
    for (int64_t i = 0; i < n; i += 1 + n / 5)
        near_slope((double)grad[i], weight_slope(w, r, weight + i));
}

static void check_weights(const decoder_world *w, const rows *r, const seen *s)
{
    const vq_graph *g = &w->graph;
    char name[160];
    for (int id = g->parts[1 + LAYER].first; id < vq_graph_end(g, 1 + LAYER); id++) {
        const vq_node *n = &g->nodes[id];
        snprintf(name, sizeof name, "%s.weight", n->name);
        if (n->op->linear) check_weight(w, r, name, s->grad[id], n->width * n->in_width);
        if (n->op == &vq_op_rms_norm) check_weight(w, r, n->name, s->grad[id], n->width);
        if (n->op == &vq_op_head_norm) check_weight(w, r, n->name, s->grad[id], n->head_dim);
    }
}

static void against_differences(const char *type, int64_t window, bool strict)
{
    decoder_world w;
    static rows r;
    static float g[SIZE];
    vq_err e;
    calib_open(&w, type, window);
    w.kernels.strict = strict;
    fill_rows(&r);
    memcpy(g, r.g, sizeof g);
    seen s = {.world = &w};
    const vq_grad_hooks hooks = {.ctx = &s, .linear = see_linear, .vector = see_vector};
    assert_int_equal(vq_exec_block_backward(&w.exec, &batch, LAYER, r.h, g, &hooks, &e), VQ_OK);
    const double step = 1e-4;
    for (int64_t i = 0; i < SIZE; i += 97)
        near_slope((double)g[i],
                   (loss_at(&w, &r, i, step) - loss_at(&w, &r, i, -step)) / (2 * step));
    check_weights(&w, &r, &s);
    assert_int_equal(w.budget.used, 0);
    forget(&s);
    world_close(&w);
}

static void test_families_match_differences(void **state)
{
    (void)state;
    against_differences("llama", 0, false);
    against_differences("llama", 0, true);
    against_differences("qwen2", 0, false);
    against_differences("qwen3", 0, false);
}

static void test_sliding_windows_match_differences(void **state)
{
    (void)state;
    against_differences("mistral", 20, false);
    against_differences("mistral", 1, false);
    against_differences("mistral", 64, true);
}

/* Last linear first; each once. */
static void test_order_of_hooks(void **state)
{
    (void)state;
    decoder_world w;
    static rows r;
    vq_err e;
    calib_open(&w, "llama", 0);
    fill_rows(&r);
    seen s = {.world = &w};
    const vq_grad_hooks hooks = {.ctx = &s, .linear = see_linear};
    assert_int_equal(vq_exec_block_backward(&w.exec, &batch, LAYER, r.h, r.g, &hooks, &e), VQ_OK);
    assert_int_equal(s.count, 7);
    for (int i = 1; i < s.count; i++) assert_lt(s.order[i], s.order[i - 1]);
    forget(&s);
    world_close(&w);
}

static void test_same_bits_for_every_thread_count(void **state)
{
    (void)state;
    decoder_world w;
    static rows r;
    static float first[SIZE], g[SIZE];
    vq_err e;
    calib_open(&w, "qwen3", 0);
    w.kernels.strict = false;
    fill_rows(&r);
    const vq_batch wide = {.sequences = 5, .length = TOKENS / 5};
    const int threads = omp_get_max_threads();
    seen s[4];
    for (int n = 0; n < 4; n++) {
        omp_set_num_threads(n + 1);
        s[n] = (seen){.world = &w};
        memcpy(g, r.g, sizeof g);
        const vq_grad_hooks hooks = {.ctx = &s[n], .linear = see_linear, .vector = see_vector};
        assert_int_equal(vq_exec_block_backward(&w.exec, &wide, 0, r.h, g, &hooks, &e), VQ_OK);
        if (n == 0) memcpy(first, g, sizeof g);
        assert_memory_equal(g, first, sizeof g);
        for (int id = 0; id < w.graph.count; id++) {
            const vq_node *node = &w.graph.nodes[id];
            const int64_t size = node->op->linear ? node->width * node->in_width
                                 : node->heads    ? node->head_dim
                                                  : node->width;
            if (s[0].grad[id])
                assert_memory_equal(s[n].grad[id], s[0].grad[id], (size_t)size * sizeof(float));
        }
    }
    for (int n = 0; n < 4; n++) forget(&s[n]);
    omp_set_num_threads(threads);
    world_close(&w);
}

typedef struct watched {
    const rows *rows;
    float out[SIZE];
    vq_status status;
} watched;

static vq_status take_output(void *ctx, const float *out, int64_t tokens, float *g, vq_err *e)
{
    watched *t = ctx;
    assert_int_equal(tokens, TOKENS);
    memcpy(t->out, out, sizeof t->out);
    memcpy(g, t->rows->g, sizeof t->rows->g);
    return t->status == VQ_OK ? VQ_OK : vq_fail(e, t->status, "no target");
}

static void test_a_step_sees_the_output(void **state)
{
    (void)state;
    decoder_world w;
    static rows r, given;
    static float g[SIZE];
    vq_err e;
    calib_open(&w, "qwen2", 0);
    fill_rows(&r);
    given = r;
    static watched t;
    t = (watched){.rows = &r};
    for (int i = 0; i < SIZE; i++) g[i] = NAN;
    assert_int_equal(vq_exec_block_step(&w.exec, &batch, LAYER, r.h, take_output, &t, g, NULL, &e),
                     VQ_OK);
    assert_memory_equal(r.h, given.h, sizeof r.h);
    assert_int_equal(vq_exec_block_backward(&w.exec, &batch, LAYER, r.h, given.g, NULL, &e), VQ_OK);
    assert_memory_equal(g, given.g, sizeof g);
    assert_int_equal(vq_exec_block(&w.exec, &batch, LAYER, given.h, &e), VQ_OK);
    assert_memory_equal(t.out, given.h, sizeof t.out);
    t.status = VQ_E_IO;
    assert_int_equal(vq_exec_block_step(&w.exec, &batch, LAYER, r.h, take_output, &t, g, NULL, &e),
                     VQ_E_IO);
    assert_string_equal(e.text, "layer 1 > no target");
    assert_int_equal(w.budget.used, 0);
    world_close(&w);
}

static void test_scratch_is_predicted(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    calib_open(&w, "qwen3", 0);
    const vq_batch b = {.sequences = 40, .length = 60};
    const size_t n = (size_t)(b.sequences * b.length * HIDDEN);
    float *h = calloc(2 * n, sizeof *h), *g = h + n;
    for (size_t i = 0; i < 2 * n; i++) h[i] = (float)(i % 13) - 6;
    seen s = {.world = &w};
    const vq_grad_hooks hooks = {.ctx = &s, .linear = see_linear, .vector = see_vector};
    assert_int_equal(vq_exec_block_backward(&w.exec, &b, 1, h, g, &hooks, &e), VQ_OK);
    const size_t bytes = vq_exec_backward_bytes(&w.exec, &b);
    assert_le(w.budget.peak, bytes);
    assert_lt(bytes, w.budget.peak + (1 << 20));
    forget(&s);
    free(h);
    world_close(&w);
}

/* Norm output and sum of the attention, q, k, v as attention reads them, mixed, norm output, gate,
 * up, gated: no less can be kept of a llama block; all gradients fit into what is free by then, but
 * for two of the wide ones. */
static void test_buffers_are_handed_on(void **state)
{
    (void)state;
    decoder_world w;
    vq_program p;
    vq_back_plan plan;
    vq_err e;
    calib_open(&w, "llama", 0);
    const vq_batch one = {.sequences = 1, .length = 1};
    assert_int_equal(vq_program_make(&p, &w.exec, 1, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_back_plan_make(&plan, &p, &one, &w.arena, &e), VQ_OK);
    const int64_t kept = 3 * HIDDEN + 2 * 48 + 2 * 16 + 3 * w.config.ffn;
    assert_le(vq_buffers_floats(&plan.buffers), kept + 2 * HIDDEN + 2 * w.config.ffn);
    assert_int_equal(plan.grad[0], 0); /* the gradient of the residual stream never moves */
    for (int i = p.ninputs; i < p.count; i++) assert_int_not_equal(plan.value[i], 0);
    world_close(&w);
}

static vq_status run_backward(const decoder_world *w, const vq_batch *b, const rows *r, vq_err *e)
{
    static float g[SIZE];
    memcpy(g, r->g, sizeof g);
    return vq_exec_block_backward(&w->exec, b, LAYER, r->h, g, NULL, e);
}

static vq_status refuse(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e)
{
    (void)ctx, (void)node, (void)x, (void)g;
    return vq_fail(e, VQ_E_STOPPED, "enough");
}

static void test_errors_name_the_place(void **state)
{
    (void)state;
    decoder_world w;
    static rows r;
    vq_err e;
    calib_open(&w, "llama", 0);
    fill_rows(&r);
    assert_int_equal(vq_exec_block_backward(&w.exec, &batch, 1, r.h, r.g,
                                            &(vq_grad_hooks){.linear = refuse}, &e),
                     VQ_E_STOPPED);
    assert_string_equal(e.text, "layer 1 > backward of mlp.down > enough");
    vq_kv_cache *cache;
    assert_int_equal(vq_kv_cache_new(&cache, &w.graph, SEQUENCES, LENGTH, &w.arena, &e), VQ_OK);
    assert_int_equal(run_backward(&w, &(vq_batch){SEQUENCES, LENGTH, 0, cache, 0}, &r, &e),
                     VQ_E_BUG);
    r.g[5 * HIDDEN + 1] = INFINITY;
    assert_int_equal(run_backward(&w, &batch, &r, &e), VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "layer 1 > gradient of position 0 of sample 0 is not finite"));
    memory_data(&w.weights, "model.layers.1.mlp.down_proj.weight")[5] = NAN;
    assert_int_equal(run_backward(&w, &batch, &r, &e), VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "layer 1 > output of position 0 of sample 0 is not finite"));
    w.weights.names[memory_find(&w.weights, "model.layers.1.self_attn.q_proj.weight")][0] = 'x';
    assert_int_equal(run_backward(&w, &batch, &r, &e), VQ_E_INPUT);
    assert_string_equal(
        e.text, "layer 1 > attn.q > tensor model.layers.1.self_attn.q_proj.weight is missing");
    world_close(&w);
}

static void test_every_failed_request_is_a_limit(void **state)
{
    (void)state;
    decoder_world w;
    static rows r;
    vq_err e;
    calib_open(&w, "qwen3", 0);
    fill_rows(&r);
    vq_status status = VQ_E_LIMIT;
    for (size_t nth = 1; status != VQ_OK; nth++) {
        assert_int_equal(status, VQ_E_LIMIT);
        w.budget.fail_in = nth;
        status = run_backward(&w, &batch, &r, &e);
        assert_int_equal(w.budget.used, 0);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_match_differences),
        cmocka_unit_test(test_sliding_windows_match_differences),
        cmocka_unit_test(test_order_of_hooks),
        cmocka_unit_test(test_same_bits_for_every_thread_count),
        cmocka_unit_test(test_a_step_sees_the_output),
        cmocka_unit_test(test_scratch_is_predicted),
        cmocka_unit_test(test_buffers_are_handed_on),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_every_failed_request_is_a_limit),
    };
    return cmocka_run_group_tests_name("backward", tests, NULL, NULL);
}
