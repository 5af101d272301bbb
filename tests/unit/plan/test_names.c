/* test_names.c -- what a matrix is, by its name and shape. */
#include "show.h"

#include <string.h>

#include "plan/names.h"

/* Names as transformers 5.23 writes them, and what its module is there. */
static const struct {
    const char *module;
    int64_t rows; /* the vocabulary has 1000 */
    vq_role role;
    int layer;
} rows[] = {
    {"model.embed_tokens", 1000, VQ_ROLE_EMBED, -1},
    {"shared", 1000, VQ_ROLE_EMBED, -1},
    {"encoder.embed_tokens", 1000, VQ_ROLE_EMBED, -1},
    {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias", 32, VQ_ROLE_EMBED, 0},
    {"encoder.block.3.layer.0.SelfAttention.q", 64, VQ_ROLE_Q, 3},
    {"decoder.block.3.layer.1.EncDecAttention.o", 64, VQ_ROLE_O, 3},
    {"encoder.block.3.layer.1.DenseReluDense.wo", 64, VQ_ROLE_DOWN, 3},
    {"transformer.wte", 1000, VQ_ROLE_EMBED, -1},
    {"transformer.wpe", 128, VQ_ROLE_EMBED, -1},
    {"transformer.h.11.attn.c_proj", 64, VQ_ROLE_O, 11},
    {"bert.embeddings.word_embeddings", 1000, VQ_ROLE_EMBED, -1},
    {"bert.embeddings.position_embeddings", 512, VQ_ROLE_EMBED, -1},
    {"bert.embeddings.token_type_embeddings", 2, VQ_ROLE_EMBED, -1},
    {"bert.encoder.layer.4.attention.self.query", 64, VQ_ROLE_Q, 4},
    {"bert.encoder.layer.4.attention.output.dense", 64, VQ_ROLE_O, 4},
    {"bert.encoder.layer.4.output.dense", 64, VQ_ROLE_DOWN, 4},
    {"bert.pooler.dense", 64, VQ_ROLE_OTHER, -1},
    {"cls.predictions.transform.dense", 64, VQ_ROLE_LM_HEAD, -1},
    {"cls.predictions.decoder", 1000, VQ_ROLE_LM_HEAD, -1},
    {"roberta.encoder.layer.0.intermediate.dense", 256, VQ_ROLE_UP, 0},
    {"classifier.out_proj", 2, VQ_ROLE_LM_HEAD, -1},
    {"score", 2, VQ_ROLE_LM_HEAD, -1},
    {"embed_out", 1000, VQ_ROLE_LM_HEAD, -1},
    {"output", 1000, VQ_ROLE_LM_HEAD, -1},
    {"language_model.lm_head", 1000, VQ_ROLE_LM_HEAD, -1},
    {"rwkv.words", 1000, VQ_ROLE_EMBED, -1},
    {"model.layers.7.proj", 1000, VQ_ROLE_OTHER, 7},
    {"model.layers.0.mlp.gate", 8, VQ_ROLE_ROUTER, 0},
    {"model.layers.0.mlp.shared_expert_gate", 1, VQ_ROLE_ROUTER, 0},
    {"model.layers.0.block_sparse_moe.experts.5.w3", 64, VQ_ROLE_EXPERT_UP, 0},
    {"model.layers.0.mlp.experts.5.down_proj", 64, VQ_ROLE_EXPERT_DOWN, 0},
    {"model.layers.0.mlp.gate_proj", 64, VQ_ROLE_GATE, 0},
    {"model.layers.0.mlp.shared", 64, VQ_ROLE_OTHER, 0},
    {"backbone.layers.2.mixer.in_proj", 64, VQ_ROLE_OTHER, 2},
};

static void test_roles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const vq_tensor t = {.ndim = 2, .shape = {rows[i].rows, 32}};
        const vq_role got = vq_name_role(rows[i].module, &t, 1000);
        const int layer = vq_name_layer(rows[i].module);
        if (got != rows[i].role || layer != rows[i].layer)
            fail_msg("%s: %s in layer %d instead of %s in %d", rows[i].module, vq_role_name(got),
                     layer, vq_role_name(rows[i].role), rows[i].layer);
    }
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *module;
        vq_place with, without; /* a config that tells of towers, and one that does not */
    } of[] = {{"visual.blocks.0.attn.qkv", VQ_PLACE_TOWER, VQ_PLACE_MODEL},
              {"model.vision_tower.encoder.layers.0.mlp.fc1", VQ_PLACE_TOWER, VQ_PLACE_MODEL},
              {"multi_modal_projector.linear_1", VQ_PLACE_TOWER, VQ_PLACE_MODEL},
              {"model.language_model.layers.0.mlp.up_proj", VQ_PLACE_MODEL, VQ_PLACE_MODEL},
              {"model.layers.0.q_proj.lora_A.default", VQ_PLACE_NO_LINEAR, VQ_PLACE_NO_LINEAR},
              {"backbone.layers.0.mixer.conv1d", VQ_PLACE_NO_LINEAR, VQ_PLACE_NO_LINEAR},
              {"transformer.h.0.attn.c_attn", VQ_PLACE_MODEL, VQ_PLACE_MODEL}};
    json_t *with = json_pack("{s:{},s:{}}", "text_config", "vision_config");
    assert_non_null(with);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const vq_place a = vq_name_place(of[i].module, with), b = vq_name_place(of[i].module, NULL);
        if (a != of[i].with || b != of[i].without)
            fail_msg("%s: %d and %d instead of %d and %d", of[i].module, a, b, of[i].with,
                     of[i].without);
    }
    json_decref(with);
}

static void test_experts(void **state)
{
    (void)state;
    const char *rest = NULL, *module = "model.layers.3.mlp.experts.12.up_proj";
    const size_t n = vq_name_expert(module, &rest);
    assert_int_equal(n, strlen("model.layers.3.mlp.experts."));
    assert_string_equal(rest, "up_proj");
    assert_int_equal(vq_name_expert("model.layers.3.mlp.experts.gate_up_proj", &rest), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_roles), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_experts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
