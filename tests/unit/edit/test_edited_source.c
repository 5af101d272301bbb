/* test_edited_source.c -- a walk over an edited model part by part: the logits of all edits at
 * once, and the memory of one part. */
#include "decoder_world.h"
#include "edit/edited_source.h"
#include "edit/model_edits.h"

static void rotate(decoder_world *w, vq_model_edits *m, const vq_transform *t)
{
    vq_option_set o;
    vq_err e = {0};
    vq_model_edits_init(m, &w->graph, &w->arena);
    vq_option_defaults(&o, t->options);
    assert_int_equal(
        vq_model_edits_pass(m, t, &o, &w->weights.source, &w->kernels, NULL, &w->scratch, &e),
        VQ_OK);
}

static float *edited_logits(decoder_world *w, const vq_model_edits *m, const vq_source *source)
{
    const vq_graph stored = w->graph;
    w->exec.graph = &m->graph;
    w->graph = m->graph;
    float *logits = world_logits(w, source);
    w->graph = stored;
    w->exec.graph = &w->graph;
    return logits;
}

static void test_a_walk_is_the_whole_model(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        decoder_world w;
        vq_model_edits m;
        vq_overlay whole;
        vq_edited_source s;
        vq_err e = {0};
        world_open(&w, world_families[f], 11);
        rotate(&w, &m, &vq_transform_rotate);
        const vq_edited d = {&m.graph, &w.weights.source, &w.kernels, &m.edits};
        assert_int_equal(vq_overlay_init(&whole, &w.weights.source, 256, &w.arena, &e), VQ_OK);
        assert_int_equal(vq_edited_whole(&d, false, &whole, &w.arena, &e), VQ_OK);
        assert_int_equal(vq_edited_source_init(&s, &d, &w.arena, &e), VQ_OK);
        float *want = edited_logits(&w, &m, &whole.source), *got = edited_logits(&w, &m, &s.source);
        assert_memory_equal(got, want, (size_t)(WORLD_TOKENS * w.config.vocab) * sizeof *got);
        free(want);
        free(got);
        vq_edited_source_done(&s);
        world_close(&w);
    }
}

static void test_one_part_at_a_time(void **state)
{
    (void)state;
    decoder_world w;
    vq_model_edits m;
    vq_edited_source s;
    vq_tensor t;
    vq_err e = {0};
    world_open(&w, "qwen2", 11); /* tied: rotate gives the head a matrix of its own */
    rotate(&w, &m, &vq_transform_rotate);
    const vq_edited d = {&m.graph, &w.weights.source, &w.kernels, &m.edits};
    assert_int_equal(vq_edited_source_init(&s, &d, &w.scratch, &e), VQ_OK);
    assert_true(s.source.has(&s, "lm_head.weight"));
    assert_false(s.source.has(&s, "model.layers.0.self_attn.o_proj.bias"));
    assert_true(s.source.has(&s, "model.layers.0.self_attn.q_proj.bias"));
    size_t block = 0;
    for (int layer = 0; layer < 2; layer++) {
        char name[64];
        snprintf(name, sizeof name, "model.layers.%d.mlp.up_proj.weight", layer);
        assert_int_equal(s.source.tensor(&s, name, &t, &e), VQ_OK);
        assert_int_equal(t.dtype, VQ_F32);
        if (layer == 0) block = w.budget.used;
        assert_int_equal(w.budget.used, block); /* the first block's values are gone */
    }
    assert_int_equal(s.source.tensor(&s, "lm_head.weight", &t, &e), VQ_OK);
    assert_int_equal(s.source.tensor(&s, "model.nothing.weight", &t, &e), VQ_E_INPUT);
    vq_edited_source_done(&s);
    vq_arena_done(&w.scratch);
    world_close(&w);
}

/* A tied head reads the embedding: to fetch the last norm and the table in turn costs nothing and
 * invalidates neither. */
static void test_a_tied_head_is_one_part_with_the_embedding(void **state)
{
    (void)state;
    static float twos[32];
    decoder_world w;
    vq_edits edits;
    vq_edited_source s;
    vq_tensor norm, table, again;
    vq_err e = {0};
    world_open(&w, "qwen3", 11);
    for (int i = 0; i < 32; i++) twos[i] = 2;
    vq_edits_init(&edits, &w.arena);
    const vq_edit a = {.tensor = "model.norm.weight",
                       .kind = VQ_EDIT_SCALE,
                       .side = VQ_EDIT_ROWS,
                       .scale = twos,
                       .n = 32};
    const vq_edit b = {.tensor = "model.embed_tokens.weight",
                       .kind = VQ_EDIT_SCALE,
                       .side = VQ_EDIT_COLS,
                       .scale = twos,
                       .n = 32};
    assert_int_equal(vq_edits_add(&edits, &a, &e), VQ_OK);
    assert_int_equal(vq_edits_add(&edits, &b, &e), VQ_OK);
    const vq_edited d = {&w.graph, &w.weights.source, &w.kernels, &edits};
    assert_int_equal(vq_edited_source_init(&s, &d, &w.arena, &e), VQ_OK);
    assert_int_equal(s.source.tensor(&s, "model.norm.weight", &norm, &e), VQ_OK);
    assert_int_equal(s.source.tensor(&s, "model.embed_tokens.weight", &table, &e), VQ_OK);
    assert_int_equal(s.source.tensor(&s, "model.norm.weight", &again, &e), VQ_OK);
    assert_ptr_equal(norm.data, again.data);
    assert_float_equal(((const float *)table.data)[5],
                       2 * memory_data(&w.weights, "model.embed_tokens.weight")[5], 0);
    vq_edited_source_done(&s);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_is_the_whole_model),
        cmocka_unit_test(test_one_part_at_a_time),
        cmocka_unit_test(test_a_tied_head_is_one_part_with_the_embedding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
