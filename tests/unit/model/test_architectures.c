/* test_architectures.c -- every family against logits of transformers (architecture_logits.h, made
 * by tests/model/make_reference.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "architecture_logits.h"
#include "made_config.h"
#include "memory_source.h"
#include "model/exec/exec.h"

enum { LENGTH = 24, VOCAB = 61, HIDDEN = 48 };

static made_config base(const char *type)
{
    return (made_config){.model_type = type,
                         .hidden = HIDDEN,
                         .ffn = 56,
                         .layers = 2,
                         .heads = 6,
                         .kv_heads = 2,
                         .head_dim = 16,
                         .vocab = VOCAB,
                         .max_position = 256,
                         .norm_eps = 1e-5,
                         .rope_theta = 10000,
                         .activation = "silu"};
}

static void forward(const vq_exec *x, float *logits)
{
    static float h[LENGTH * HIDDEN];
    const vq_batch b = {.sequences = 1, .length = LENGTH};
    int32_t ids[LENGTH];
    vq_err e = {0};
    for (int i = 0; i < LENGTH; i++) ids[i] = (i * i * 7 + 3 * i) % VOCAB;
    assert_int_equal(vq_exec_embed(x, &b, ids, h, &e), VQ_OK);
    for (int layer = 0; layer < x->graph->layers; layer++)
        assert_int_equal(vq_exec_block(x, &b, layer, h, &e), VQ_OK);
    assert_int_equal(vq_exec_head(x, h, LENGTH, h, &e), VQ_OK);
    assert_int_equal(vq_exec_logits(x, h, LENGTH, 0, VOCAB, logits, &e), VQ_OK);
}

static void check(const char *name, const made_config *c)
{
    static const int picked[6] = {0, 7, 19, 33, 48, 60};
    static float logits[LENGTH * VOCAB];
    size_t row = 0;
    while (strcmp(logits_of[row].name, name) != 0) row++;
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_graph g;
    vq_err e;
    memory_source m;
    vq_kernels kernels;
    if (made_config_build(c, &g, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(vq_kernels_select(&kernels, NULL, false, &e), VQ_OK);
    memory_open(&m, &g, 7);
    forward(&(vq_exec){.graph = &g, .source = &m.source, .kernels = &kernels, .arena = &a}, logits);
    double sum = 0;
    for (int i = 0; i < LENGTH * VOCAB; i++) sum += (double)logits[i] * (double)logits[i];
    assert_float_equal((float)(sum / logits_of[row].sum_of_squares), 1, 1e-5);
    for (int i = 0; i < 6; i++)
        assert_float_equal(logits[(LENGTH - 1) * VOCAB + picked[i]], logits_of[row].last[i], 1e-4);
    memory_close(&m);
    vq_arena_done(&a);
}

static void test_llama3_rope(void **state)
{
    (void)state;
    made_config c = base("llama");
    c.rope_scaling = "{\"rope_type\": \"llama3\", \"factor\": 4, \"low_freq_factor\": 1, "
                     "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}";
    check("llama3_rope", &c);
}

static void test_linear_rope_and_biases(void **state)
{
    (void)state;
    made_config c = base("llama");
    c.rope_scaling = "{\"type\": \"linear\", \"factor\": 4}";
    c.attention_bias = c.mlp_bias = c.tied = true;
    check("llama_linear_rope_biases", &c);
}

static void test_mistral(void **state)
{
    (void)state;
    made_config c = base("mistral");
    c.sliding_window = 5;
    check("mistral_window", &c);
}

static void test_qwen2(void **state)
{
    (void)state;
    made_config c = base("qwen2");
    c.sliding_window = 6;
    c.sliding_from = 1;
    c.tied = true;
    check("qwen2_window_from_block_1", &c);
}

static void test_qwen3(void **state)
{
    (void)state;
    const made_config c = base("qwen3");
    check("qwen3", &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama3_rope), cmocka_unit_test(test_linear_rope_and_biases),
        cmocka_unit_test(test_mistral),     cmocka_unit_test(test_qwen2),
        cmocka_unit_test(test_qwen3),
    };
    return cmocka_run_group_tests_name("architectures", tests, NULL, NULL);
}
