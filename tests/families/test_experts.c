/* test_experts.c -- a mixture of experts against plain loops in f64: shares, rows, sums, and their
 * gradients by central differences; an expert without tokens; the same bits for every thread count;
 * checkpoints that hold other experts than config.json says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>

#include "kernels/kernels.h"
#include "load/model.h"
#include "made_model.h"
#include "model/exec/backward.h"
#include "model/op/attention/head_part.h"
#include "model/op/experts/experts.h"
#include "show.h"

enum { TOKENS = 9, WIDTH = 32, EXPERTS = 6 };

typedef struct world {
    vq_arena arena;
    vq_kernels kernels;
    vq_exec exec;
    vq_batch batch;
    vq_frame frame;
    float *values[8], *grads[8];
    int64_t rows[8];
    vq_route routes[8];
} world;

static void open_world(world *w)
{
    vq_err e;
    *w = (world){.batch = {.sequences = 1, .length = TOKENS}};
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, false, &e), VQ_OK);
    w->exec = (vq_exec){.kernels = &w->kernels, .arena = &w->arena};
    w->frame = (vq_frame){.exec = &w->exec,
                          .batch = &w->batch,
                          .values = w->values,
                          .rows = w->rows,
                          .routes = w->routes,
                          .grads = w->grads};
}

static void close_world(world *w)
{
    vq_arena_done(&w->arena);
}

/* Uniform in [-1, 1). */
static float draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (float)((int32_t)(*seed >> 33) - (1 << 30)) / (float)(1 << 30);
}

static float *place(world *w, int id, int64_t rows, int64_t width, uint64_t seed)
{
    vq_err e;
    w->rows[id] = rows;
    w->values[id] = VQ_NEW(&w->arena, float, rows *width, "test", &e);
    w->grads[id] = VQ_NEW(&w->arena, float, rows *width, "test", &e);
    assert_non_null(w->grads[id]);
    for (int64_t i = 0; seed && i < rows * width; i++) w->values[id][i] = 2 * draw(&seed);
    return w->values[id];
}

static void run(world *w, const vq_node *n, int id)
{
    vq_err e = {0};
    if (n->op->forward(n, id, &w->frame, &e) != VQ_OK) fail_msg("%s", e.text);
}

static void back(world *w, const vq_node *n, int id)
{
    vq_err e = {0};
    for (int i = 0; i < n->nin; i++) {
        w->frame.into[i] = w->grads[n->in[i]];
        w->frame.adds[i] = false;
    }
    if (n->op->backward(n, id, &w->frame, &e) != VQ_OK) fail_msg("%s", e.text);
}

static vq_node route_node(const vq_route_args *args)
{
    return (vq_node){.op = &vq_op_route,
                     .args = args,
                     .name = "",
                     .in = {0, -1, -1},
                     .nin = 1,
                     .width = EXPERTS};
}

/* Shares in f64 by a rule written down anew: an expert is chosen when fewer than `chosen` of the
 * open ones have a larger score. */
static double expected_share(const vq_route_args *r, const float *logits, int expert)
{
    double score[EXPERTS], sum = 0, taken = 0;
    bool open[EXPERTS];
    const int groups = r->groups > 1 ? (int)r->groups : 1, size = EXPERTS / groups;
    double best[EXPERTS] = {0};
    for (int i = 0; i < EXPERTS; i++) sum += exp((double)logits[i]);
    for (int i = 0; i < EXPERTS; i++)
        score[i] = r->sigmoid ? 1 / (1 + exp(-(double)logits[i])) : exp((double)logits[i]) / sum;
    for (int g = 0; g < groups; g++)
        for (int i = g * size; i < (g + 1) * size; i++) {
            int above = 0;
            for (int j = g * size; j < (g + 1) * size; j++) above += score[j] > score[i];
            if (above < (r->best_two ? 2 : 1)) best[g] += score[i];
        }
    for (int i = 0; i < EXPERTS; i++) {
        int above = 0;
        for (int g = 0; g < groups; g++) above += best[g] > best[i / size];
        open[i] = groups == 1 || above < r->open;
    }
    double share = 0;
    for (int i = 0; i < EXPERTS; i++) {
        int above = 0;
        for (int j = 0; j < EXPERTS; j++) above += open[j] && score[j] > score[i];
        if (!open[i] || above >= r->chosen) continue;
        taken += score[i];
        if (i == expert) share = score[i];
    }
    return (double)r->scale * (r->normalized ? share / (taken + (double)r->to_sum) : share);
}

static const vq_route_args routes_of_all_kinds[] = {
    {.chosen = 2, .normalized = true, .scale = 1},
    {.chosen = 3, .scale = 1.5F},
    {.chosen = 2, .groups = 3, .open = 2, .scale = 2},
    {.chosen = 3,
     .sigmoid = true,
     .groups = 2,
     .open = 1,
     .best_two = true,
     .normalized = true,
     .to_sum = 1e-20F,
     .scale = 2.5F},
    {.chosen = 2, .sigmoid = true, .normalized = true, .to_sum = 0.25F, .scale = 0.5F},
};
enum { KINDS = sizeof routes_of_all_kinds / sizeof *routes_of_all_kinds };

static void test_shares(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        world w;
        open_world(&w);
        const vq_node n = route_node(&routes_of_all_kinds[kind]);
        const float *logits = place(&w, 0, TOKENS, EXPERTS, 7 + (uint64_t)kind);
        const float *shares = place(&w, 1, TOKENS, EXPERTS, 0);
        run(&w, &n, 1);
        for (int t = 0; t < TOKENS; t++)
            for (int i = 0; i < EXPERTS; i++)
                assert_near((double)shares[t * EXPERTS + i],
                            expected_share(n.args, logits + t * EXPERTS, i), 1e-6);
        close_world(&w);
    }
}

/* d (sum of c . shares) / d logits by central differences of the f64 rule; the step is too small to
 * change the choice. */
static void test_shares_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        world w;
        open_world(&w);
        uint64_t seed = 99;
        const vq_node n = route_node(&routes_of_all_kinds[kind]);
        float *logits = place(&w, 0, TOKENS, EXPERTS, 17 + (uint64_t)kind);
        (void)place(&w, 1, TOKENS, EXPERTS, 0);
        for (int i = 0; i < TOKENS * EXPERTS; i++) w.grads[1][i] = draw(&seed);
        back(&w, &n, 1);
        for (int t = 0; t < TOKENS; t++)
            for (int i = 0; i < EXPERTS; i++) {
                double slope = 0;
                const float was = logits[t * EXPERTS + i], step = 1.0F / 4096;
                for (int side = -1; side <= 1; side += 2) {
                    logits[t * EXPERTS + i] = was + (float)side * step;
                    for (int j = 0; j < EXPERTS; j++)
                        slope += side * (double)w.grads[1][t * EXPERTS + j] *
                                 expected_share(n.args, logits + t * EXPERTS, j) /
                                 (2 * (double)step);
                }
                logits[t * EXPERTS + i] = was;
                assert_near((double)w.grads[0][t * EXPERTS + i], slope, 2e-5);
            }
        close_world(&w);
    }
}

static void test_equal_scores(void **state)
{
    (void)state;
    world w;
    const vq_route_args args = {.chosen = 2, .normalized = true, .scale = 1};
    open_world(&w);
    const vq_node n = route_node(&args);
    float *logits = place(&w, 0, TOKENS, EXPERTS, 0);
    const float *shares = place(&w, 1, TOKENS, EXPERTS, 0);
    for (int i = 0; i < EXPERTS; i++) logits[EXPERTS + i] = NAN;
    run(&w, &n, 1);
    for (int i = 0; i < EXPERTS; i++) assert_eq(shares[i], (i < 2 ? 0.5F : 0));
    assert_true(isnan(shares[EXPERTS])); /* goes on, to be named where inputs are checked */
    close_world(&w);
}

/* Values: 0 x, 1 shares, 2 sum before, 3 rows of the expert, 4 sum after. Expert 1 is asked for;
 * only tokens with an even number go to it, those of expert 2 are none. */
static const vq_expert second = {1, EXPERTS}, nobodys = {2, EXPERTS};

static void fill_expert(world *w, const vq_expert *expert, vq_node *in, vq_node *out)
{
    *in = (vq_node){.op = &vq_op_expert_input,
                    .args = expert,
                    .name = "",
                    .in = {0, 1, -1},
                    .nin = 2,
                    .width = WIDTH,
                    .routed = 0.5};
    *out = (vq_node){.op = &vq_op_expert_output,
                     .args = expert,
                     .name = "",
                     .in = {2, 3, 1},
                     .nin = 3,
                     .width = WIDTH};
    (void)place(w, 0, TOKENS, WIDTH, 3);
    float *shares = place(w, 1, TOKENS, EXPERTS, 5);
    (void)place(w, 2, TOKENS, WIDTH, 11);
    (void)place(w, 3, TOKENS, WIDTH, 0);
    (void)place(w, 4, TOKENS, WIDTH, 0);
    for (int t = 0; t < TOKENS; t++) {
        shares[t * EXPERTS + 2] = 0;
        if (t % 2) shares[t * EXPERTS + 1] = 0;
    }
    run(w, in, 3);
    run(w, out, 4);
}

static void test_expert(void **state)
{
    (void)state;
    world w;
    vq_node in, out;
    open_world(&w);
    fill_expert(&w, &second, &in, &out);
    assert_int_equal(w.rows[3], (TOKENS + 1) / 2);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++) {
            const float share = w.values[1][t * EXPERTS + 1], x = w.values[0][t * WIDTH + c],
                        before = w.values[2][t * WIDTH + c];
            assert_float_equal(w.values[4][t * WIDTH + c], before + share * x, 1e-6);
            if (t % 2 == 0) assert_eq(w.values[3][t / 2 * WIDTH + c], x);
        }
    for (int i = 0; i < w.rows[3]; i++) assert_int_equal(w.routes[3].token[i], 2 * i);
    close_world(&w);
}

/* y = before + share x is linear in each: its gradients are written down. */
static void test_expert_back(void **state)
{
    (void)state;
    world w;
    vq_node in, out;
    uint64_t seed = 21;
    open_world(&w);
    fill_expert(&w, &second, &in, &out);
    for (int i = 0; i < TOKENS * WIDTH; i++) w.grads[4][i] = draw(&seed);
    back(&w, &out, 4);
    const float of_shares = w.grads[1][EXPERTS + 1];
    for (int t = 0; t < TOKENS; t++) {
        double dot = 0;
        for (int c = 0; c < WIDTH; c++) {
            const float g = w.grads[4][t * WIDTH + c];
            dot += (double)g * (double)w.values[0][t * WIDTH + c];
            assert_eq(w.grads[2][t * WIDTH + c], g);
            if (t % 2 == 0)
                assert_eq(w.grads[3][t / 2 * WIDTH + c], w.values[1][t * EXPERTS + 1] * g);
        }
        assert_near((double)w.grads[1][t * EXPERTS + 1], (t % 2 ? 0 : dot), 1e-5);
    }
    assert_eq(of_shares, 0);
    back(&w, &in, 3);
    for (int i = 0; i < TOKENS * EXPERTS; i++) assert_eq(w.grads[1][i], 0);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++)
            assert_eq(w.grads[0][t * WIDTH + c], (t % 2 ? 0 : w.grads[3][t / 2 * WIDTH + c]));
    close_world(&w);
}

static void test_expert_without_tokens(void **state)
{
    (void)state;
    world w;
    vq_node in, out;
    open_world(&w);
    fill_expert(&w, &nobodys, &in, &out);
    assert_int_equal(w.rows[3], 0);
    assert_memory_equal(w.values[4], w.values[2], TOKENS * WIDTH * sizeof(float));
    for (int i = 0; i < TOKENS * WIDTH; i++) w.grads[4][i] = 1;
    back(&w, &out, 4);
    back(&w, &in, 3);
    assert_memory_equal(w.grads[2], w.grads[4], TOKENS * WIDTH * sizeof(float));
    for (int i = 0; i < TOKENS * WIDTH; i++) assert_eq(w.grads[0][i], 0);
    close_world(&w);
}

/* Keys of latent attention: a part of each head, then what all share. */
static void test_head_part(void **state)
{
    (void)state;
    enum { HEADS = 3, OF = 5, FIRST = 1, OWN = 2, REST = 4 };
    static const vq_head_part args = {OF, FIRST, OWN};
    world w;
    open_world(&w);
    const vq_node n = {.op = &vq_op_head_part,
                       .args = &args,
                       .in = {0, 1, -1},
                       .nin = 2,
                       .width = HEADS * (OWN + REST),
                       .heads = HEADS,
                       .head_dim = OWN + REST};
    const float *heads = place(&w, 0, TOKENS, HEADS * OF, 1),
                *shared = place(&w, 1, TOKENS, REST, 2), *y = place(&w, 2, TOKENS, n.width, 0);
    run(&w, &n, 2);
    for (int i = 0; i < TOKENS * n.width; i++) w.grads[2][i] = (float)(i % 7) - 3;
    back(&w, &n, 2);
    for (int t = 0; t < TOKENS; t++) {
        float sums[REST] = {0};
        for (int i = 0; i < HEADS * OF; i++) {
            const int h = i / OF, c = i % OF - FIRST;
            const bool own = c >= 0 && c < OWN;
            const int64_t at = t * n.width + h * n.head_dim + c;
            if (own) assert_eq(y[at], heads[t * HEADS * OF + i]);
            assert_eq(w.grads[0][t * HEADS * OF + i], (own ? w.grads[2][at] : 0));
        }
        for (int h = 0; h < HEADS; h++)
            for (int c = 0; c < REST; c++) {
                const int64_t at = t * n.width + h * n.head_dim + OWN + c;
                assert_eq(y[at], shared[t * REST + c]);
                sums[c] += w.grads[2][at];
            }
        for (int c = 0; c < REST; c++) assert_eq(w.grads[1][t * REST + c], sums[c]);
    }
    close_world(&w);
}

/* A whole block of a case, forwards and back. */
typedef struct model {
    vq_arena arena;
    vq_kernels kernels;
    vq_model model;
    vq_exec exec;
} model;

static json_t *load_case(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, VQ_SOURCE_DIR "/tests/families/cases/experts/%s.json", name);
    json_t *made = json_load_file(path, 0, NULL);
    assert_non_null(made);
    return made;
}

static void open_model(model *m, scratch *s, const char *name)
{
    vq_err e = {0};
    json_t *made = load_case(name);
    made_model_write(made, s);
    json_decref(made);
    vq_arena_init(&m->arena, NULL);
    if (vq_model_open(&m->model, s->dir, &m->arena, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(vq_kernels_select(&m->kernels, NULL, false, &e), VQ_OK);
    m->exec = (vq_exec){.graph = &m->model.graph,
                        .source = &m->model.checkpoint.source,
                        .kernels = &m->kernels,
                        .arena = &m->arena};
}

static void close_model(model *m)
{
    vq_model_close(&m->model);
    vq_arena_done(&m->arena);
}

enum { LENGTH = 12, HIDDEN = 64 }; /* of every case */

/* sum of c . block(h); with g also its gradient */
static double run_block(model *m, int layer, const float *h, const float *c, float *g)
{
    const vq_batch b = {.sequences = 1, .length = LENGTH};
    float out[LENGTH * HIDDEN];
    double sum = 0;
    vq_err e = {0};
    memcpy(out, h, sizeof out);
    if (vq_exec_block(&m->exec, &b, layer, out, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int i = 0; i < LENGTH * HIDDEN; i++) sum += (double)c[i] * (double)out[i];
    if (!g) return sum;
    memcpy(g, c, sizeof out);
    if (vq_exec_block_backward(&m->exec, &b, layer, h, g, NULL, &e) != VQ_OK)
        fail_msg("%s", e.text);
    return sum;
}

/* Along random directions: the choice of experts changes nowhere near enough to be met. */
static void check_block(scratch *s, const char *name)
{
    model m;
    uint64_t seed = 5;
    float h[LENGTH * HIDDEN], c[LENGTH * HIDDEN], g[LENGTH * HIDDEN], again[LENGTH * HIDDEN];
    open_model(&m, s, name);
    const int layer = m.model.graph.layers - 1, threads = omp_get_max_threads();
    for (int i = 0; i < LENGTH * HIDDEN; i++) h[i] = draw(&seed), c[i] = draw(&seed) / 8;
    omp_set_num_threads(1);
    (void)run_block(&m, layer, h, c, again);
    omp_set_num_threads(2);
    (void)run_block(&m, layer, h, c, g);
    omp_set_num_threads(threads);
    assert_memory_equal(g, again, sizeof g);
    for (int t = 0; t < LENGTH; t++) {
        float moved[LENGTH * HIDDEN];
        double slope = 0, want = 0;
        float d[HIDDEN];
        for (int i = 0; i < HIDDEN; i++) {
            d[i] = draw(&seed);
            want += (double)d[i] * (double)g[t * HIDDEN + i];
        }
        for (int side = -1; side <= 1; side += 2) {
            memcpy(moved, h, sizeof moved);
            for (int i = 0; i < HIDDEN; i++) moved[t * HIDDEN + i] += (float)side * d[i] / 512;
            slope += side * run_block(&m, layer, moved, c, NULL) * 256;
        }
        if (!(fabs(slope - want) < 0.01 * (1 + fabs(want))))
            fail_msg("%s, token %d: %g instead of %g", name, t, want, slope);
    }
    close_model(&m);
}

static void test_block_back(void **state)
{
    static const char *const names[] = {"mixtral",     "qwen3_moe",          "qwen3_moe_fused",
                                        "deepseek_v2", "deepseek_v2_groups", "deepseek_v3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_block(*state, names[i]);
}

/* All that the graph names are matrices with a name per expert; stacks are gone. */
static void test_stacks(void **state)
{
    model m;
    vq_err e = {0};
    open_model(&m, *state, "qwen3_moe_fused");
    const vq_tensor_set *set = &m.model.checkpoint.weights;
    const char *p = "model.layers.1.mlp.experts.";
    char name[128];
    const vq_tensor *gate[2];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, "%s%d.gate_proj.weight", p, i);
        gate[i] = vq_tensor_set_find(set, name);
        assert_non_null(gate[i]);
        assert_int_equal(gate[i]->shape[0], 48);
        assert_int_equal(gate[i]->shape[1], 64);
    }
    assert_int_equal((const char *)gate[1]->data - (const char *)gate[0]->data, 2 * 2 * 48 * 64);
    (void)snprintf(name, sizeof name, "%sgate_up_proj", p);
    assert_null(vq_tensor_set_find(set, name));
    assert_int_equal(vq_model_check(&m.model, &e), VQ_OK);
    close_model(&m);
}

/* The error with these keys of "config" or "tensors" changed, or why there is no graph then; NULL:
 * neither. */
static const char *error_with(scratch *s, const char *name, const char *part, const char *keys,
                              vq_err *e)
{
    vq_model m;
    vq_arena a;
    json_t *made = load_case(name), *changed = json_loads(keys, 0, NULL);
    assert_int_equal(json_object_update(json_object_get(made, part), changed), 0);
    made_model_write(made, s);
    json_decref(changed);
    json_decref(made);
    vq_arena_init(&a, NULL);
    *e = (vq_err){0};
    vq_status status = vq_model_open(&m, s->dir, &a, e);
    if (status == VQ_OK) {
        status =
            m.without_graph ? vq_fail(e, VQ_E_INPUT, "%s", m.without_graph) : vq_model_check(&m, e);
        vq_model_close(&m);
    }
    vq_arena_done(&a);
    assert_true(status == VQ_OK || status == VQ_E_INPUT);
    return status == VQ_OK ? NULL : e->text;
}

static void expect_of(scratch *s, const char *name, const char *part, const char *keys,
                      const char *want)
{
    vq_err e;
    const char *text = error_with(s, name, part, keys, &e);
    if (!text || !strstr(text, want))
        fail_msg("%s with %s: %s instead of %s", name, keys, text ? text : "no error", want);
}

static void expect(scratch *s, const char *name, const char *keys, const char *want)
{
    expect_of(s, name, "config", keys, want);
}

static void test_tensors_that_do_not_fit(void **state)
{
    static const char vector[] = "{\"model.layers.1.post_attention_layernorm.weight\": {\"shape\": "
                                 "[8, 8], \"fill\": [1, 0]}}";
    static const char stray[] = "{\"model.layers.1.mlp.experts.3.down_proj.weight\": {\"shape\": "
                                "[64, 48], \"fill\": [0, 1]}}";
    expect_of(*state, "qwen3_moe_fused", "tensors", vector,
              "shape [8, 8]; config.json asks for a vector");
    expect_of(*state, "qwen3_moe_fused", "tensors", stray, "hold the same weights");
}

static void test_other_counts(void **state)
{
    scratch *s = *state;
    expect(s, "qwen3_moe", "{\"num_experts\": 9}", "config.json asks for [9, 64]");
    expect(s, "qwen3_moe", "{\"num_experts\": 7}", "fewer experts than the checkpoint");
    expect(s, "qwen3_moe", "{\"num_experts_per_tok\": 9}", "num_experts_per_tok is 9");
    expect(s, "qwen3_moe", "{\"num_experts\": 5000}", "beyond any model");
    expect(s, "qwen3_moe_fused", "{\"num_local_experts\": 7}",
           "[8, 96, 64]; config.json asks for [7, 96, 64]");
    expect(s, "qwen3_moe_fused", "{\"moe_intermediate_size\": 24}",
           "config.json asks for [8, 48, 64]");
    expect(s, "qwen3_moe_fused", "{\"num_local_experts\": 16, \"moe_intermediate_size\": 24}",
           "config.json asks for [16, 48, 64]"); /* as many rows */
    expect(s, "qwen3_moe", "{\"num_hidden_layers\": 2000000000}", "1 to 4096 is possible");
    expect(s, "qwen3_moe", "{\"mlp_only_layers\": [\"0\"]}", "entry 0 is no layer (0 to 2)");
    expect(s, "qwen3_moe", "{\"mlp_only_layers\": [0, 3]}", "entry 1 is no layer (0 to 2)");
    expect(s, "mixtral", "{\"num_local_experts\": 3}", "fewer experts than the checkpoint");
    expect(s, "deepseek_v3", "{\"n_group\": 3}", "n_group");
    expect(s, "deepseek_v3", "{\"topk_group\": 5}", "topk_group");
    expect(s, "deepseek_v3", "{\"qk_rope_head_dim\": 15}", "odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_shares_back),
        cmocka_unit_test(test_equal_scores),
        cmocka_unit_test(test_expert),
        cmocka_unit_test(test_expert_back),
        cmocka_unit_test(test_expert_without_tokens),
        cmocka_unit_test(test_head_part),
        cmocka_unit_test_setup_teardown(test_block_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_stacks, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_other_counts, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tensors_that_do_not_fit, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests_name("experts", tests, NULL, NULL);
}
