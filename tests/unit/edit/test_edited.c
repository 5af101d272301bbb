/* test_edited.c -- tensors as stored, edited, rounded; what cannot be edited is refused by name. */
#include "decoder_world.h"
#include "edit/edited.h"
#include "show.h"

static const float twos[64] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
                               2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
                               2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};

static void double_tensor(vq_edits *s, const char *name, vq_edit_side side, int64_t n)
{
    vq_err e;
    const vq_edit d = {.tensor = name, .kind = VQ_EDIT_SCALE, .side = side, .scale = twos, .n = n};
    assert_int_equal(vq_edits_add(s, &d, &e), VQ_OK);
}

static void assert_doubled(const vq_edited *d, const decoder_world *w, const char *name,
                           const char *stored)
{
    vq_err e = {0};
    vq_tensor t;
    float *x;
    vq_arena a;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_edited_load(d, name, &a, &t, &x, &e), VQ_OK);
    const float *from = memory_data(&w->weights, stored);
    for (int64_t i = 0; i < vq_tensor_numel(&t); i++) assert_float_equal(x[i], 2 * from[i], 0);
    vq_arena_done(&a);
}

static void test_matrices_vectors_and_a_tied_head(void **state)
{
    (void)state;
    decoder_world w;
    vq_edits edits;
    world_open(&w, "qwen2", 2);
    vq_edits_init(&edits, &w.arena);
    const vq_edited d = {&w.graph, &w.weights.source, &w.kernels, &edits};
    double_tensor(&edits, "model.layers.0.mlp.up_proj.weight", VQ_EDIT_COLS, 32);
    double_tensor(&edits, "model.norm.weight", VQ_EDIT_ROWS, 32);
    double_tensor(&edits, "lm_head.weight", VQ_EDIT_ROWS, 61);
    assert_doubled(&d, &w, "model.layers.0.mlp.up_proj.weight",
                   "model.layers.0.mlp.up_proj.weight");
    assert_doubled(&d, &w, "model.norm.weight", "model.norm.weight");
    assert_doubled(&d, &w, "lm_head.weight", "model.embed_tokens.weight");
    world_close(&w);
}

/* A part brings its own tensors only; as stored, they are what their type holds. */
static void test_written_and_rounding(void **state)
{
    (void)state;
    decoder_world w;
    vq_edits edits;
    vq_overlay o;
    vq_err e;
    vq_tensor t;
    static uint16_t bits[61 * 32];
    world_open(&w, "llama", 2);
    vq_edits_init(&edits, &w.arena);
    vq_tensor *embedding = &w.weights.tensors[memory_find(&w.weights, "model.embed_tokens.weight")];
    for (int i = 0; i < 61 * 32; i++) bits[i] = vq_f32_to_bf16(((const float *)embedding->data)[i]);
    embedding->dtype = VQ_BF16;
    embedding->data = bits;
    static float third[32];
    for (int i = 0; i < 32; i++) third[i] = 1.0f / 3;
    const vq_edit d = {.tensor = "model.embed_tokens.weight",
                       .kind = VQ_EDIT_SCALE,
                       .side = VQ_EDIT_COLS,
                       .scale = third,
                       .n = 32};
    assert_int_equal(vq_edits_add(&edits, &d, &e), VQ_OK);
    double_tensor(&edits, "model.layers.1.self_attn.o_proj.weight", VQ_EDIT_ROWS, 32);
    double_tensor(&edits, "model.layers.1.self_attn.o_proj.bias", VQ_EDIT_ROWS,
                  32); /* there is none */
    const vq_edited from = {&w.graph, &w.weights.source, &w.kernels, &edits};
    assert_int_equal(vq_overlay_init(&o, &w.weights.source, 4, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_edited_part(&from, 1, true, &o, &w.arena, &e), VQ_OK);
    assert_int_equal(o.count, 0);
    assert_int_equal(vq_edited_part(&from, 2, true, &o, &w.arena, &e), VQ_OK);
    assert_int_equal(o.count, 1);
    for (int stored = 0; stored < 2; stored++) {
        assert_int_equal(vq_edited_part(&from, 0, stored, &o, &w.arena, &e), VQ_OK);
        assert_int_equal(o.source.tensor(o.source.self, "model.embed_tokens.weight", &t, &e),
                         VQ_OK);
        const float *x = t.data;
        for (int i = 0; i < 61 * 32; i++) {
            const float want = vq_bf16_to_f32(bits[i]) * third[0];
            assert_eq(x[i], (stored ? vq_bf16_to_f32(vq_f32_to_bf16(want)) : want));
        }
    }
    world_close(&w);
}

static void test_values_beyond_a_type(void **state)
{
    (void)state;
    vq_err e;
    float x[] = {1, 70000, 2};
    assert_int_equal(vq_round_like(VQ_F32, x, 3, &e), VQ_OK);
    assert_int_equal(vq_round_like(VQ_BF16, x, 3, &e), VQ_OK);
    assert_int_equal(vq_round_like(VQ_F16, x, 3, &e), VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "value 1 "));
}

static void test_what_cannot_be_edited(void **state)
{
    (void)state;
    decoder_world w;
    vq_edits edits;
    vq_err e;
    vq_tensor t;
    float *x;
    world_open(&w, "llama", 2);
    vq_edits_init(&edits, &w.arena);
    const vq_edited d = {&w.graph, &w.weights.source, &w.kernels, &edits};
    assert_int_equal(vq_edited_load(&d, "model.norm.bias", &w.arena, &t, &x, &e), VQ_E_INPUT);
    memory_data(&w.weights, "model.norm.weight")[3] = NAN;
    assert_int_equal(vq_edited_load(&d, "model.norm.weight", &w.arena, &t, &x, &e), VQ_E_INPUT);
    vq_tensor *norm = &w.weights.tensors[memory_find(&w.weights, "model.norm.weight")];
    norm->dtype = VQ_I32;
    assert_int_equal(vq_edited_load(&d, "model.norm.weight", &w.arena, &t, &x, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "I32"));
    norm->dtype = VQ_F32;
    norm->ndim = 3;
    assert_int_equal(vq_edited_load(&d, "model.norm.weight", &w.arena, &t, &x, &e), VQ_E_INPUT);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrices_vectors_and_a_tied_head),
        cmocka_unit_test(test_written_and_rounding),
        cmocka_unit_test(test_values_beyond_a_type),
        cmocka_unit_test(test_what_cannot_be_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
