/* test_sites.c -- the residual stream and the heads of every family; graphs that the walks must
 * refuse. */
#include "decoder_world.h"
#include "model/op/activation.h"
#include "model/op/attention/attention.h"
#include "model/op/linear.h"
#include "model/op/norm.h"
#include "model/walk/targets.h"

static const char *name_of(const decoder_world *w, int id)
{
    return w->graph.nodes[id].name;
}

static void test_stream_of_every_family(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        decoder_world w;
        vq_residual s;
        vq_err e = {0};
        world_open(&w, world_families[f], 1);
        assert_int_equal(vq_residual_find(&w.graph, &w.arena, &s, &e), VQ_OK);
        assert_string_equal(name_of(&w, s.embedding), "model.embed_tokens");
        static const char *const writers[] = {
            "model.layers.0.self_attn.o_proj", "model.layers.0.mlp.down_proj",
            "model.layers.1.self_attn.o_proj", "model.layers.1.mlp.down_proj"};
        assert_int_equal(s.nwriters, 4);
        for (int i = 0; i < 4; i++) assert_string_equal(name_of(&w, s.writers[i]), writers[i]);
        assert_int_equal(s.nnorms, 5);
        assert_string_equal(name_of(&w, s.norms[1]),
                            "model.layers.0.post_attention_layernorm.weight");
        assert_string_equal(name_of(&w, s.norms[4]), "model.norm.weight");
        assert_int_equal(s.nreaders, 11); /* q k v gate up twice, lm_head */
        assert_string_equal(name_of(&w, s.readers[4].linear), "model.layers.0.mlp.up_proj");
        assert_int_equal(s.readers[4].norm, s.norms[1]);
        assert_int_equal(w.graph.nodes[s.readers[10].linear].role, VQ_ROLE_LM_HEAD);
        assert_int_equal(s.readers[10].norm, s.norms[4]);
        world_close(&w);
    }
}

static void test_heads_of_every_family(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        decoder_world w;
        vq_heads *h;
        int n;
        vq_err e = {0};
        world_open(&w, world_families[f], 1);
        assert_int_equal(vq_heads_find(&w.graph, &w.arena, &h, &n, &e), VQ_OK);
        assert_int_equal(n, 2);
        assert_string_equal(name_of(&w, h[1].q), "model.layers.1.self_attn.q_proj");
        assert_string_equal(name_of(&w, h[1].k), "model.layers.1.self_attn.k_proj");
        assert_string_equal(name_of(&w, h[1].v), "model.layers.1.self_attn.v_proj");
        assert_int_equal(h[1].noutputs, 1);
        assert_string_equal(name_of(&w, h[1].outputs[0]), "model.layers.1.self_attn.o_proj");
        assert_int_equal(w.graph.nodes[h[1].q_rope].op, &vq_op_rope);
        const bool norms = strcmp(world_families[f], "qwen3") == 0;
        assert_int_equal(h[1].q_norm >= 0 && h[1].k_norm >= 0, norms);
        if (norms)
            assert_string_equal(name_of(&w, h[1].k_norm), "model.layers.1.self_attn.k_norm.weight");
        world_close(&w);
    }
}

/* Node with that op in block 0, the i-th. */
static int node_of(const vq_graph *g, const vq_op *op, int i)
{
    for (int id = g->parts[1].first; id < g->count; id++)
        if (g->nodes[id].op == op && i-- == 0) return id;
    return -1;
}

/* A graph whose stream is read or written by something that cannot follow a change of it. */
static void test_streams_that_cannot_change(void **state)
{
    (void)state;
    for (int damage = 0; damage < 3; damage++) {
        decoder_world w;
        vq_residual s;
        vq_err e = {0};
        world_open(&w, "llama", 1);
        vq_node *nodes = w.graph.nodes;
        if (damage == 0)
            nodes[node_of(&w.graph, &vq_op_gated, 0)].in[0] =
                w.graph.parts[0].first; /* an activation reads it */
        if (damage == 1)
            nodes[node_of(&w.graph, &vq_op_add, 0)].in[1] =
                node_of(&w.graph, &vq_op_attention, 0); /* heads write it */
        if (damage == 2)
            nodes[node_of(&w.graph, &vq_op_add, 0)].in[1] =
                node_of(&w.graph, &vq_op_rms_norm, 0); /* a norm writes it */
        assert_int_equal(vq_residual_find(&w.graph, &w.arena, &s, &e), VQ_E_INPUT);
        assert_non_null(strstr(e.text, "the residual stream"));
        world_close(&w);
    }
}

/* What a linear adds may be multiplied by a number on its way; that of anything else not. */
static void test_writers_behind_a_scale(void **state)
{
    (void)state;
    for (int damage = 0; damage < 2; damage++) {
        decoder_world w;
        vq_residual s;
        vq_err e = {0};
        world_open(&w, "llama", 1);
        const int gated = node_of(&w.graph, &vq_op_gated, 0), down = gated + 1;
        vq_node *nodes = w.graph.nodes;
        if (!damage) { /* the linear moves up, a scale takes its place */
            nodes[gated].op = &vq_op_linear;
            nodes[gated].nin = 1;
        }
        nodes[down].op = &vq_op_scale;
        const vq_status found = vq_residual_find(&w.graph, &w.arena, &s, &e);
        assert_int_equal(found, damage ? VQ_E_INPUT : VQ_OK);
        if (damage)
            assert_non_null(strstr(e.text, "is added to the residual stream"));
        else
            assert_int_equal(s.writers[1], gated);
        world_close(&w);
    }
}

static void test_heads_that_others_read_are_left_out(void **state)
{
    (void)state;
    decoder_world w;
    vq_heads *h;
    int n;
    vq_err e = {0};
    world_open(&w, "llama", 1);
    const int attention = node_of(&w.graph, &vq_op_attention, 0);
    w.graph.nodes[attention].in[2] = w.graph.nodes[attention].in[1]; /* keys are the values */
    assert_int_equal(vq_heads_find(&w.graph, &w.arena, &h, &n, &e), VQ_OK);
    assert_int_equal(n, 1);
    assert_int_equal(w.graph.nodes[h[0].attention].layer, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_of_every_family),
        cmocka_unit_test(test_heads_of_every_family),
        cmocka_unit_test(test_streams_that_cannot_change),
        cmocka_unit_test(test_writers_behind_a_scale),
        cmocka_unit_test(test_heads_that_others_read_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
