/* test_folds.c -- who may absorb a change of an input: nobody once a second reader sees the value on
 * the way; parts of fused matrices by their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "model/op/activation.h"
#include "model/op/attention/attention.h"
#include "model/op/embedding.h"
#include "model/op/linear.h"
#include "model/op/norm.h"
#include "model/op/slice.h"
#include "model/walk/groups.h"
#include "model/walk/targets.h"
#include "quant/transform.h"
#include "show.h"

enum { HIDDEN = 8, FFN = 12 };

typedef struct world {
    vq_arena arena;
    vq_graph g;
    vq_linear_group *groups;
    int ngroups;
} world;

static int add(world *w, const vq_op *op, const char *name, int64_t width, const void *args, int a,
               int b, int c)
{
    const int in[] = {a, b, c};
    vq_err e;
    vq_node n = {.op = op, .name = name, .width = width, .args = args, .layer = 0};
    for (int i = 0; i < VQ_OP_INPUTS; i++) {
        n.in[i] = in[i];
        n.nin += in[i] >= 0;
    }
    if (n.nin) n.in_width = w->g.nodes[a].width;
    if (op == &vq_op_attention) n.heads = n.kv_heads = 2, n.head_dim = width / 2;
    const int id = vq_graph_add(&w->g, &n, &w->arena, &e);
    assert_ge(id, 0);
    return id;
}

static int cut(world *w, int x, int64_t first, int64_t width)
{
    static vq_slice args[8];
    static int used;
    vq_slice *s = &args[used++ % 8];
    s->first = first;
    return add(w, &vq_op_slice, "", width, s, x, -1, -1);
}

static int linear(world *w, const char *name, int x, int64_t width)
{
    return add(w, &vq_op_linear, name, width, NULL, x, -1, -1);
}

static int sum(world *w, int x, int y)
{
    return add(w, &vq_op_add, "", w->g.nodes[x].width, NULL, x, y, -1);
}

/* A graph of one block; returns the stream. */
static int start(world *w)
{
    vq_err e;
    vq_arena_init(&w->arena, NULL);
    assert_int_equal(vq_graph_start(&w->g, "made up", 1, &w->arena, &e), VQ_OK);
    vq_graph_part(&w->g, 0);
    w->g.embedding = add(w, &vq_op_embedding, "embed", HIDDEN, NULL, -1, -1, -1);
    w->g.nodes[w->g.embedding].layer = -1;
    vq_graph_part(&w->g, 1);
    return w->g.embedding;
}

static void finish(world *w, int x)
{
    vq_err e;
    vq_graph_part(&w->g, 2);
    w->g.lm_head = linear(w, "lm_head", x, 16);
    w->g.nodes[w->g.lm_head].layer = -1;
    assert_int_equal(vq_graph_finish(&w->g, &w->arena, &e), VQ_OK);
    assert_int_equal(vq_graph_groups(&w->g, &w->arena, &w->groups, &w->ngroups, &e), VQ_OK);
}

static const vq_linear_group *group_of(const world *w, const char *linear)
{
    for (int i = 0; i < w->ngroups; i++)
        for (int j = 0; j < w->groups[i].count; j++)
            if (strcmp(w->g.nodes[w->groups[i].linears[j]].name, linear) == 0) return &w->groups[i];
    fail_msg("no group of %s", linear);
    return NULL;
}

static const char *producer_of(const world *w, const char *linear)
{
    const int id = group_of(w, linear)->producer;
    return id < 0 ? "none" : w->g.nodes[id].name;
}

/* norm -> gate, up -> down; the second reader reads one of these values too. */
typedef enum reader { NOBODY, READS_NORM, READS_UP, READS_GATE, READS_PRODUCT } reader;

static void mlp(world *w, reader who)
{
    const vq_activation *silu = vq_activation_find("silu");
    int x = start(w);
    const int norm = add(w, &vq_op_rms_norm, "norm", HIDDEN, NULL, x, -1, -1);
    const int gate = linear(w, "gate", norm, FFN), up = linear(w, "up", norm, FFN);
    const int product = add(w, &vq_op_gated, "", FFN, silu, gate, up, -1);
    const int of[] = {-1, norm, up, gate, product};
    x = sum(w, x, linear(w, "down", product, HIDDEN));
    if (who != NOBODY) { /* through an op of its own: it is no linear that shares the input */
        const int seen =
            add(w, &vq_op_activation, "", w->g.nodes[of[who]].width, silu, of[who], -1, -1);
        x = sum(w, x, linear(w, "second", seen, HIDDEN));
    }
    finish(w, x);
}

static void test_second_reader_of_an_mlp(void **state)
{
    (void)state;
    static const struct {
        reader who;
        const char *read, *down;
    } want[] = {{NOBODY, "norm", "up"},
                {READS_NORM, "none", "up"},
                {READS_UP, "norm", "none"},
                {READS_GATE, "norm", "none"}, /* an order of up must reach the gate */
                {READS_PRODUCT, "norm", "none"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        world w;
        mlp(&w, want[i].who);
        assert_string_equal(producer_of(&w, "gate"), want[i].read);
        assert_string_equal(producer_of(&w, "down"), want[i].down);
        vq_arena_done(&w.arena);
    }
}

/* One matrix, cut into gate and up. extra: columns [extra, extra + 4) of it are read once more. */
static void fused_mlp(world *w, int64_t extra)
{
    const vq_activation *silu = vq_activation_find("silu");
    int x = start(w);
    const int norm = add(w, &vq_op_rms_norm, "norm", HIDDEN, NULL, x, -1, -1);
    const int both = linear(w, "gate_up", norm, 2 * FFN + 4);
    const int gate = cut(w, both, 4, FFN), up = cut(w, both, 4 + FFN, FFN);
    const int product = add(w, &vq_op_gated, "", FFN, silu, gate, up, -1);
    x = sum(w, x, linear(w, "down", product, HIDDEN));
    x = sum(w, x, linear(w, "part", cut(w, both, extra, 4), HIDDEN));
    finish(w, x);
}

static void test_parts_of_one_matrix(void **state)
{
    (void)state;
    world w;
    fused_mlp(&w, 0);
    const vq_linear_group *down = group_of(&w, "down"), *part = group_of(&w, "part");
    assert_string_equal(producer_of(&w, "down"), "gate_up");
    assert_int_equal(down->first_row, 4 + FFN);
    assert_int_equal(down->gate_row, 4);
    assert_int_equal(down->gate, down->producer);
    assert_int_equal(part->producer, down->producer);
    assert_int_equal(part->first_row, 0);
    vq_arena_done(&w.arena);
    static const int64_t overlaps[] = {2, 4, 4 + FFN - 2, 2 * FFN};
    for (size_t i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
        fused_mlp(&w, overlaps[i]);
        assert_string_equal(producer_of(&w, "down"), "none");
        assert_string_equal(producer_of(&w, "part"), "none");
        vq_arena_done(&w.arena);
    }
}

static void test_a_row_after_the_first_is_counted(void **state)
{
    (void)state;
    world w;
    const int x = start(&w), from = linear(&w, "from", x, 12);
    const int inner = cut(&w, cut(&w, from, 3, 8), 2, 4);
    finish(&w, sum(&w, x, linear(&w, "reads", inner, HIDDEN)));
    assert_string_equal(producer_of(&w, "reads"), "from");
    assert_int_equal(group_of(&w, "reads")->first_row, 5);
    vq_arena_done(&w.arena);
}

/* q, k, v in one matrix; keys: attention takes k for its values too. */
static void fused_attention(world *w, bool keys, bool second)
{
    static const vq_attention args = {.scale = 1, .value_dim = 4};
    int x = start(w);
    const int norm = add(w, &vq_op_rms_norm, "norm", HIDDEN, NULL, x, -1, -1);
    const int qkv = linear(w, "qkv", norm, 3 * HIDDEN);
    const int q = cut(w, qkv, 0, HIDDEN), k = cut(w, qkv, HIDDEN, HIDDEN),
              v = cut(w, qkv, 2 * HIDDEN, HIDDEN);
    const int mixed = add(w, &vq_op_attention, "", HIDDEN, &args, q, k, keys ? k : v);
    x = sum(w, x, linear(w, "o", mixed, HIDDEN));
    if (second) x = sum(w, x, linear(w, "second", v, HIDDEN));
    finish(w, x);
}

static int heads_of(world *w, vq_heads *first)
{
    vq_heads *found;
    vq_err e;
    int n;
    assert_int_equal(vq_heads_find(&w->g, &w->arena, &found, &n, &e), VQ_OK);
    if (n) *first = found[0];
    return n;
}

static void test_heads_of_one_matrix(void **state)
{
    (void)state;
    world w;
    vq_heads h;
    fused_attention(&w, false, false);
    assert_string_equal(producer_of(&w, "o"), "qkv");
    assert_int_equal(group_of(&w, "o")->first_row, 2 * HIDDEN);
    assert_int_equal(heads_of(&w, &h), 1);
    assert_int_equal(h.q_row, 0);
    assert_int_equal(h.k_row, HIDDEN);
    assert_int_equal(h.v_row, 2 * HIDDEN);
    vq_arena_done(&w.arena);
    for (int i = 0; i < 2; i++) {
        fused_attention(&w, i == 0, i == 1);
        assert_string_equal(producer_of(&w, "o"), "none");
        assert_int_equal(heads_of(&w, &h), 0);
        vq_arena_done(&w.arena);
    }
}

/* The whole of T F T^T for a part, by the definition: y' = gather(y / scale), rotated in fours, so
 * the gradient is rotated(gather(g scale)). */
static void test_curvature_of_a_part(void **state)
{
    (void)state;
    enum { N = 10, FIRST = 2, PART = 4 };
    static const float scale[PART] = {0.5f, 2, 4, 0.25f};
    static const int32_t order[PART] = {2, 0, 3, 1};
    static const double s[4][4] = {{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};
    double t[N][N] = {{0}};
    float f[N * N];
    vq_arena a;
    vq_err e;
    for (int i = 0; i < N; i++) t[i][i] = i < FIRST || i >= FIRST + PART;
    for (int i = 0; i < PART; i++)
        for (int j = 0; j < PART; j++)
            t[FIRST + i][FIRST + order[j]] = s[i][j] / 2 * (double)scale[order[j]];
    for (int i = 0; i < N * N; i++) f[i] = (float)(1 + (i / N) * (i % N) % 7);
    vq_arena_init(&a, NULL);
    vq_curvature c = {.name = "qkv", .n = N, .output = f};
    const vq_row_part part = {FIRST, PART};
    const vq_producer p = {.kind = VQ_PRODUCER_VALUES, .heads = 1, .kv_heads = 1, .head_dim = PART};
    const vq_input_map m = {.scale = (float *)(uintptr_t)scale,
                            .order = (int32_t *)(uintptr_t)order,
                            .hadamard = 4,
                            .fold_order = true,
                            .fold_hadamard = true};
    assert_int_equal(vq_output_map(&c, &part, &m, &p, &a, &e), VQ_OK);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double want = 0;
            for (int u = 0; u < N; u++)
                for (int v = 0; v < N; v++) want += t[i][u] * (double)f[u * N + v] * t[j][v];
            assert_near((double)c.output[i * N + j], want, 1e-4);
            assert_eq(c.output[i * N + j], c.output[j * N + i]);
        }
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_reader_of_an_mlp),
        cmocka_unit_test(test_parts_of_one_matrix),
        cmocka_unit_test(test_a_row_after_the_first_is_counted),
        cmocka_unit_test(test_heads_of_one_matrix),
        cmocka_unit_test(test_curvature_of_a_part),
    };
    return cmocka_run_group_tests_name("folds", tests, NULL, NULL);
}
