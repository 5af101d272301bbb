/* test_graph.c -- builders name what Hugging Face names; walks find groups, producers and
 * readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "made_config.h"
#include "model/op/attention/attention.h"
#include "model/op/embedding.h"
#include "model/op/linear.h"
#include "model/op/norm.h"
#include "model/walk/groups.h"
#include "show.h"

static made_config small(const char *type)
{
    return (made_config){.model_type = type,
                         .hidden = 16,
                         .ffn = 24,
                         .layers = 3,
                         .heads = 4,
                         .kv_heads = 2,
                         .head_dim = 8,
                         .vocab = 40,
                         .max_position = 64,
                         .norm_eps = 1e-5,
                         .rope_theta = 10000,
                         .activation = "silu"};
}

static int setup(void **state)
{
    static vq_arena arena;
    vq_arena_init(&arena, NULL);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    vq_arena_done(*state);
    return 0;
}

static vq_graph built(const made_config *c, vq_arena *a)
{
    vq_graph g;
    vq_err e;
    if (made_config_build(c, &g, a, &e) != VQ_OK) fail_msg("%s", e.text);
    return g;
}

static int named(const vq_graph *g, const char *name)
{
    for (int id = 0; id < g->count; id++)
        if (strcmp(g->nodes[id].name, name) == 0) return id;
    fail_msg("no node %s", name);
    return -1;
}

static void test_llama_names_and_sizes(void **state)
{
    const made_config c = small("llama");
    const vq_graph g = built(&c, *state);
    const struct {
        const char *name;
        vq_role role;
        int64_t n, k;
    } want[] = {{"model.layers.1.self_attn.q_proj", VQ_ROLE_Q, 32, 16},
                {"model.layers.1.self_attn.k_proj", VQ_ROLE_K, 16, 16},
                {"model.layers.1.self_attn.v_proj", VQ_ROLE_V, 16, 16},
                {"model.layers.1.self_attn.o_proj", VQ_ROLE_O, 16, 32},
                {"model.layers.1.mlp.gate_proj", VQ_ROLE_GATE, 24, 16},
                {"model.layers.1.mlp.up_proj", VQ_ROLE_UP, 24, 16},
                {"model.layers.1.mlp.down_proj", VQ_ROLE_DOWN, 16, 24},
                {"lm_head", VQ_ROLE_LM_HEAD, 40, 16}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const vq_node *n = &g.nodes[named(&g, want[i].name)];
        assert_ptr_equal(n->op, &vq_op_linear);
        assert_int_equal(n->role, want[i].role);
        assert_int_equal(n->width, want[i].n);
        assert_int_equal(n->in_width, want[i].k);
        assert_false(n->bias);
    }
    named(&g, "model.embed_tokens");
    named(&g, "model.norm.weight");
    named(&g, "model.layers.2.input_layernorm.weight");
    named(&g, "model.layers.2.post_attention_layernorm.weight");
}

static void test_written_are_joined_by_one_value(void **state)
{
    const made_config c = small("qwen3");
    const vq_graph g = built(&c, *state);
    assert_int_equal(g.parts[0].first, 0);
    for (int part = 1; part <= g.layers + 1; part++)
        for (int id = g.parts[part].first; id < vq_graph_end(&g, part); id++)
            for (int i = 0; i < g.nodes[id].nin; i++)
                assert_ge(g.nodes[id].in[i], g.parts[part].first - 1);
    assert_int_equal(vq_graph_end(&g, g.layers + 1), g.count);
}

static void test_biases_and_norms_by_family(void **state)
{
    const struct {
        const char *type;
        bool asks, q_bias, o_bias, head_norm;
    } rows[] = {{"llama", false, false, false, false},  {"llama", true, true, true, false},
                {"mistral", true, false, false, false}, {"qwen2", false, true, false, false},
                {"qwen3", false, false, false, true},   {"qwen3", true, true, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_config c = small(rows[i].type);
        c.attention_bias = rows[i].asks;
        const vq_graph g = built(&c, *state);
        assert_int_equal(g.nodes[named(&g, "model.layers.0.self_attn.q_proj")].bias,
                         rows[i].q_bias);
        assert_int_equal(g.nodes[named(&g, "model.layers.0.self_attn.v_proj")].bias,
                         rows[i].q_bias);
        assert_int_equal(g.nodes[named(&g, "model.layers.0.self_attn.o_proj")].bias,
                         rows[i].o_bias);
        int norms = 0;
        for (int id = 0; id < g.count; id++) norms += g.nodes[id].op == &vq_op_head_norm;
        assert_int_equal(norms, rows[i].head_norm ? 2 * g.layers : 0);
    }
}

static void test_window_from_a_block_on(void **state)
{
    made_config c = small("qwen2");
    c.sliding_window = 7;
    c.sliding_from = 2;
    const vq_graph g = built(&c, *state);
    for (int id = 0; id < g.count; id++)
        if (g.nodes[id].op == &vq_op_attention)
            assert_int_equal(((const vq_attention *)g.nodes[id].args)->window,
                             g.nodes[id].layer >= 2 ? 7 : 0);
}

/* Producer of a group by the name of its first linear. */
static const vq_linear_group *group_of(const vq_graph *g, const vq_linear_group *groups, int n,
                                       const char *linear)
{
    const int id = named(g, linear);
    for (int i = 0; i < n; i++)
        if (groups[i].linears[0] == id) return &groups[i];
    fail_msg("no group begins with %s", linear);
    return NULL;
}

static void test_groups_and_producers(void **state)
{
    static const char *const types[] = {"llama", "mistral", "qwen2", "qwen3"};
    for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
        const made_config c = small(types[type]);
        const vq_graph g = built(&c, *state);
        vq_linear_group *groups;
        int n;
        vq_err e;
        assert_int_equal(vq_graph_groups(&g, *state, &groups, &n, &e), VQ_OK);
        assert_int_equal(n, 4 * g.layers);
        const struct {
            const char *first, *producer;
            int count;
            bool fused;
        } want[] = {
            {"model.layers.1.self_attn.q_proj", "model.layers.1.input_layernorm.weight", 3, true},
            {"model.layers.1.self_attn.o_proj", "model.layers.1.self_attn.v_proj", 1, false},
            {"model.layers.1.mlp.gate_proj", "model.layers.1.post_attention_layernorm.weight", 2,
             true},
            {"model.layers.1.mlp.down_proj", "model.layers.1.mlp.up_proj", 1, false}};
        for (size_t i = 0; i < 4; i++) {
            const vq_linear_group *group = group_of(&g, groups, n, want[i].first);
            assert_ptr_equal(group, &groups[4 + i]); /* in execution order */
            assert_int_equal(group->layer, 1);
            assert_int_equal(group->count, want[i].count);
            assert_int_equal(group->fused, want[i].fused);
            assert_int_equal(group->producer, named(&g, want[i].producer));
        }
    }
}

/* A norm that two blocks of linears and an add read cannot absorb a scale of the linears alone. */
static void test_a_value_with_other_readers_has_no_producer(void **state)
{
    vq_arena *a = *state;
    vq_graph g;
    vq_err e;
    assert_int_equal(vq_graph_start(&g, "made", 1, a, &e), VQ_OK);
    vq_graph_part(&g, 0);
    vq_graph_add(&g, &(vq_node){.op = &vq_op_embedding, .layer = -1, .name = "e", .width = 4}, a,
                 &e);
    vq_graph_part(&g, 1);
    vq_graph_add(
        &g, &(vq_node){.op = &vq_op_rms_norm, .name = "n", .in = {0}, .nin = 1, .width = 4}, a, &e);
    vq_graph_add(&g,
                 &(vq_node){.op = &vq_op_linear,
                            .role = VQ_ROLE_OTHER,
                            .name = "l",
                            .in = {1},
                            .nin = 1,
                            .width = 4},
                 a, &e);
    vq_graph_add(&g, &(vq_node){.op = &vq_op_add, .name = "", .in = {1, 2}, .nin = 2, .width = 4},
                 a, &e);
    vq_graph_add(&g,
                 &(vq_node){.op = &vq_op_linear,
                            .role = VQ_ROLE_OTHER,
                            .name = "m",
                            .in = {2},
                            .nin = 1,
                            .width = 4},
                 a, &e);
    vq_graph_part(&g, 2);
    assert_int_equal(vq_graph_finish(&g, a, &e), VQ_OK);
    vq_linear_group *groups;
    int n, readers[1];
    assert_int_equal(vq_graph_groups(&g, a, &groups, &n, &e), VQ_OK);
    assert_int_equal(n, 2);
    assert_int_equal(groups[0].producer, -1);
    assert_int_equal(groups[1].producer, -1);
    assert_int_equal(vq_graph_consumers(&g, 1, readers, 1), 2);
    assert_int_equal(readers[0], 2);
}

static void test_memory_limit_is_an_error(void **state)
{
    (void)state;
    const made_config c = small("llama");
    for (size_t nth = 1;; nth++) {
        vq_budget budget = {.fail_in = nth};
        vq_arena a;
        vq_graph g;
        vq_err e;
        vq_arena_init(&a, &budget);
        const vq_status status = made_config_build(&c, &g, &a, &e);
        vq_arena_done(&a);
        if (status == VQ_OK) break;
        assert_int_equal(status, VQ_E_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_llama_names_and_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_written_are_joined_by_one_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_biases_and_norms_by_family, setup, teardown),
        cmocka_unit_test_setup_teardown(test_window_from_a_block_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups_and_producers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_value_with_other_readers_has_no_producer, setup,
                                        teardown),
        cmocka_unit_test(test_memory_limit_is_an_error),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
