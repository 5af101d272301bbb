/* test_hf_config.c -- both spellings of config.json, transformers' defaults, and every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/folder/hf_config.h"
#include "scratch.h"

#define SIZES                                                                                      \
    "\"hidden_size\":64,\"intermediate_size\":160,\"num_hidden_layers\":3,\"num_attention_"        \
    "heads\":8,\"vocab_size\":512"
#define LLAMA "\"model_type\":\"llama\"," SIZES

static vq_status read_text(scratch *s, const char *text, bool known, vq_hf_config *c, vq_err *e)
{
    return vq_hf_config_read(c, scratch_text(s, "config.json", text), known, e);
}

static vq_hf_config read_good(scratch *s, const char *text)
{
    vq_hf_config c;
    vq_err e = {0};
    if (read_text(s, text, true, &c, &e) != VQ_OK) fail_msg("%s: %s", text, e.text);
    return c;
}

static void test_defaults(void **state)
{
    vq_hf_config c = read_good(*state, "{" LLAMA "}");
    assert_string_equal(c.model_type, "llama");
    assert_string_equal(c.architecture, "");
    assert_int_equal(c.hidden, 64);
    assert_int_equal(c.ffn, 160);
    assert_int_equal(c.layers, 3);
    assert_int_equal(c.heads, 8);
    assert_int_equal(c.kv_heads, 8);
    assert_int_equal(c.head_dim, 8);
    assert_int_equal(c.vocab, 512);
    assert_int_equal(c.max_position, 2048);
    assert_int_equal(c.sliding_window, 0);
    assert_true(c.norm_eps == 1e-6 && c.rope_theta == 10000);
    assert_int_equal(c.rope_type, VQ_ROPE_DEFAULT);
    assert_false(c.tied || c.attention_bias || c.mlp_bias || c.quantized);
    assert_string_equal(c.activation, "silu");
    assert_int_equal(c.bos, 1);
    assert_int_equal(c.eos_count, 1);
    assert_int_equal(c.eos[0], 2);
    assert_int_equal(c.eos[1], -1);
    vq_hf_config_done(&c);
}

static void test_given(void **state)
{
    vq_hf_config c = read_good(
        *state,
        "{" LLAMA ",\"architectures\":[\"LlamaForCausalLM\"],\"num_key_value_heads\":2,\"head_"
        "dim\":32,\"rms_norm_eps\":1e-5,"
        "\"max_position_embeddings\":77,\"tie_word_embeddings\":true,\"attention_bias\":true,\"mlp_"
        "bias\":true,"
        "\"hidden_act\":\"gelu\",\"bos_token_id\":null,\"eos_token_id\":[5,6],\"rope_scaling\":"
        "null,\"rope_theta\":500000,"
        "\"quantization_config\":{\"quant_method\":\"compressed-tensors\"},\"sliding_window\":9}");
    assert_string_equal(c.architecture, "LlamaForCausalLM");
    assert_int_equal(c.kv_heads, 2);
    assert_int_equal(c.head_dim, 32);
    assert_int_equal(c.max_position, 77);
    assert_int_equal(c.sliding_window, 0); /* llama has none */
    assert_true(c.norm_eps == 1e-5 && c.rope_theta == 500000);
    assert_true(c.tied && c.attention_bias && c.mlp_bias && c.quantized);
    assert_string_equal(c.activation, "gelu");
    assert_string_equal(c.quant_method, "compressed-tensors");
    assert_int_equal(c.bos, -1);
    assert_int_equal(c.eos_count, 2);
    assert_int_equal(c.eos[0], 5);
    assert_int_equal(c.eos[1], 6);
    vq_hf_config_done(&c);
}

typedef struct family_case {
    const char *text;
    int64_t kv_heads, head_dim, max_position, window, bos, eos;
} family_case;

#define MISTRAL_16_HEADS                                                                           \
    "{\"model_type\":\"mistral\",\"hidden_size\":64,\"intermediate_size\":1,\"num_hidden_"         \
    "layers\":1,\"num_attention_heads\":16,\"vocab_"                                               \
    "size\":1"
static const family_case family_cases[] = {
    {"{\"model_type\":\"mistral\"," SIZES "}", 8, 8, 131072, 4096, 1, 2},
    {"{\"model_type\":\"mistral\"," SIZES ",\"sliding_window\":null,\"num_key_value_heads\":null}",
     8, 8, 131072, 0, 1, 2},
    {"{\"model_type\":\"mistral\"," SIZES
     ",\"sliding_window\":100,\"num_key_value_heads\":4,\"head_dim\":null}",
     4, 8, 131072, 100, 1, 2},
    {MISTRAL_16_HEADS "}", 8, 4, 131072, 4096, 1, 2},
    {MISTRAL_16_HEADS ",\"num_key_value_heads\":null}", 16, 4, 131072, 4096, 1, 2},
    {"{\"model_type\":\"qwen2\"," SIZES "}", 8, 8, 32768, 0, -1, -1},
    {"{\"model_type\":\"qwen2\"," SIZES
     ",\"sliding_window\":100,\"use_sliding_window\":false,\"max_window_layers\":1}",
     8, 8, 32768, 0, -1, -1},
    {"{\"model_type\":\"qwen2\"," SIZES ",\"sliding_window\":100,\"use_sliding_window\":true}", 8,
     8, 32768, 0, -1, -1}, /* layers from 28 on */
    {"{\"model_type\":\"qwen2\"," SIZES
     ",\"use_sliding_window\":true,\"sliding_window\":100,\"layer_types\":"
     "[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]}",
     8, 8, 32768, 100, -1, -1},
    {"{\"model_type\":\"qwen3\"," SIZES ",\"eos_token_id\":7}", 8, 128, 32768, 0, -1, 7},
    {"{\"model_type\":\"qwen3\"," SIZES
     ",\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}",
     8, 128, 32768, 0, -1, -1},
};

static void test_families(void **state)
{
    for (size_t i = 0; i < sizeof family_cases / sizeof *family_cases; i++) {
        const family_case *f = &family_cases[i];
        vq_hf_config c = read_good(*state, f->text);
        assert_int_equal(c.kv_heads, f->kv_heads);
        assert_int_equal(c.head_dim, f->head_dim);
        assert_int_equal(c.max_position, f->max_position);
        assert_int_equal(c.sliding_window, f->window);
        assert_int_equal(c.bos, f->bos);
        assert_int_equal(c.eos[0], f->eos);
        assert_int_equal(c.eos_count, f->eos >= 0);
        vq_hf_config_done(&c);
    }
}

static void test_the_last_layers_slide(void **state)
{
    static const char *const tails[] = {
        "\"max_window_layers\":2",
        "\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"]"};
    for (size_t i = 0; i < 2; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"model_type\":\"qwen2\"," SIZES
                 ",\"use_sliding_window\":true,\"sliding_window\":100,%s}",
                 tails[i]);
        vq_hf_config c = read_good(*state, text);
        assert_int_equal(c.sliding_window, 100);
        assert_int_equal(c.sliding_from, 2);
        vq_hf_config_done(&c);
    }
}

typedef struct rope_case {
    const char *text;
    vq_rope_type type;
    double theta, factor;
    int64_t original;
} rope_case;

static const rope_case ropes[] = {
    {"\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":7.5}", VQ_ROPE_DEFAULT, 7.5, 0,
     2048},
    {"\"rope_theta\":3,\"rope_parameters\":{\"rope_type\":\"default\"}", VQ_ROPE_DEFAULT, 3, 0,
     2048},
    {"\"rope_theta\":3,\"rope_parameters\":{\"rope_theta\":4}", VQ_ROPE_DEFAULT, 4, 0, 2048},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}", VQ_ROPE_LINEAR, 10000, 2.5, 2048},
    {"\"rope_scaling\":{},\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2}",
     VQ_ROPE_LINEAR, 10000, 2, 2048},
    {"\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_type\":"
     "\"default\"}",
     VQ_ROPE_LINEAR, 10000, 2, 2048},
    {"\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_"
     "factor\":1,\"high_freq_factor\":4,"
     "\"original_max_position_embeddings\":8192}",
     VQ_ROPE_LLAMA3, 5e5, 8, 8192},
    {"\"rope_parameters\":{\"rope_type\":\"llama3\",\"rope_theta\":1e6,\"factor\":8,\"low_freq_"
     "factor\":1,\"high_freq_factor\":4}",
     VQ_ROPE_LLAMA3, 1e6, 8, 2048},
    {"\"original_max_position_embeddings\":512,\"rope_parameters\":{\"rope_type\":\"llama3\","
     "\"factor\":8,\"low_freq_factor\":1,\"high_"
     "freq_factor\":4,"
     "\"original_max_position_embeddings\":8192}",
     VQ_ROPE_LLAMA3, 1e4, 8, 512},
};

static void test_ropes(void **state)
{
    for (size_t i = 0; i < sizeof ropes / sizeof *ropes; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{" LLAMA ",%s}", ropes[i].text);
        vq_hf_config c = read_good(*state, text);
        assert_int_equal(c.rope_type, ropes[i].type);
        assert_true(c.rope_theta == ropes[i].theta && c.rope_factor == ropes[i].factor);
        assert_int_equal(c.rope_original_max, ropes[i].original);
        if (c.rope_type == VQ_ROPE_LLAMA3)
            assert_true(c.rope_low_freq_factor == 1 && c.rope_high_freq_factor == 4);
        vq_hf_config_done(&c);
    }
}

typedef struct refusal {
    const char *text, *message;
} refusal;

#define QWEN "\"model_type\":\"qwen2\"," SIZES
static const refusal refusals[] = {
    {"", "JSON"},
    {"[]", "not a JSON object"},
    {"{\"a\":1,\"a\":2}", "duplicate"},
    {"{" SIZES "}", "model_type is missing"},
    {"{\"model_type\":7}", "model_type is not a string"},
    {"{\"model_type\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
     "model_type is longer than 63"},
    {"{" LLAMA ",\"architectures\":[3]}", "architectures is not a string"},
    {"{" LLAMA ",\"quantization_config\":3}", "quantization_config is not an object"},
    {"{\"model_type\":\"llama\"}", "hidden_size is missing"},
    {"{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":1,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":1}",
     "vocab_size is missing"},
    {"{\"model_type\":\"llama\",\"hidden_size\":0}", "hidden_size is 0"},
    {"{\"model_type\":\"llama\",\"hidden_size\":-5}", "hidden_size is -5"},
    {"{\"model_type\":\"llama\",\"hidden_size\":2147483648}", "hidden_size is 2147483648"},
    {"{\"model_type\":\"llama\",\"hidden_size\":64.0}", "hidden_size is not a whole number"},
    {"{\"model_type\":\"llama\",\"hidden_size\":\"64\"}", "hidden_size is not a whole number"},
    {"{\"model_type\":\"llama\",\"num_hidden_layers\":65537,\"hidden_size\":1,\"intermediate_"
     "size\":1}",
     "num_hidden_layers is 65537"},
    {"{" LLAMA ",\"num_key_value_heads\":3}",
     "num_attention_heads 8 is not a multiple of num_key_value_heads 3"},
    {"{" LLAMA ",\"num_key_value_heads\":16}", "not a multiple"},
    {"{" LLAMA ",\"head_dim\":7}", "head_dim is 7"},
    {"{\"model_type\":\"llama\",\"hidden_size\":65,\"intermediate_size\":1,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":8,\"vocab_"
     "size\":1}",
     "hidden_size 65 is not a multiple of num_attention_heads 8"},
    {"{" LLAMA ",\"rms_norm_eps\":0}", "rms_norm_eps is 0"},
    {"{" LLAMA ",\"rms_norm_eps\":\"1e-5\"}", "rms_norm_eps is not a number"},
    {"{" LLAMA ",\"tie_word_embeddings\":1}", "tie_word_embeddings is neither true nor false"},
    {"{" LLAMA ",\"hidden_act\":[]}", "hidden_act is not a string"},
    {"{" LLAMA ",\"rope_theta\":-1}", "rope_theta is -1"},
    {"{" LLAMA ",\"rope_parameters\":3}", "not an object"},
    {"{" LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
     "rope type dynamic is not supported"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}}",
     "rope type yarn is not supported"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"longrope\"}}",
     "rope type longrope is not supported"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":3}}", "rope_type is not a string"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"linear\"}}", "no factor"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}}", "llama3 needs"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
     "\"high_freq_factor\":4}}",
     "llama3 needs"},
    {"{" LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}}",
     "differ between layers"},
    {"{" LLAMA ",\"partial_rotary_factor\":0.5}", "partial_rotary_factor 0.5"},
    {"{" LLAMA ",\"bos_token_id\":[1]}", "bos_token_id is not a token id"},
    {"{" LLAMA ",\"eos_token_id\":[1,\"x\"]}", "eos_token_id is not a token id"},
    {"{" LLAMA ",\"eos_token_id\":[1,2,3,4,5,6,7,8,9]}", "eos_token_id lists 9 tokens"},
    {"{" QWEN ",\"use_sliding_window\":true,\"layer_types\":[\"full_attention\",\"sliding_"
     "attention\",\"full_attention\"]}",
     "full attention after sliding"},
    {"{" QWEN
     ",\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]}",
     "no sliding window is in use"},
    {"{" QWEN ",\"layer_types\":[\"full_attention\"]}", "does not list every layer"},
    {"{" QWEN ",\"layer_types\":[\"full_attention\",\"linear_attention\",\"full_attention\"]}",
     "linear_attention of layer 1"},
    {"{\"model_type\":\"mistral\"," SIZES ",\"sliding_window\":0}", "sliding_window is 0"},
};

static void test_refusals(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        vq_hf_config c;
        vq_err e = {0};
        const vq_status s = read_text(*state, refusals[i].text, true, &c, &e);
        if (s != VQ_E_INPUT || !strstr(e.text, refusals[i].message) ||
            strncmp(e.text, "config.json", 11) != 0) {
            fail_msg("%s: status %d: %s", refusals[i].text, s, e.text);
        }
        assert_null(c.root);
    }
    vq_hf_config c;
    assert_int_equal(vq_hf_config_read(&c, scratch_path(*state, "absent.json"), true, NULL),
                     VQ_E_INPUT);
}

static void test_unknown(void **state)
{
    vq_hf_config c;
    assert_int_equal(read_text(*state,
                               "{\"model_type\":\"mamba9\",\"hidden_size\":[3],\"quantization_"
                               "config\":{\"quant_method\":\"awq\"}}",
                               false, &c, NULL),
                     VQ_OK);
    assert_string_equal(c.model_type, "mamba9");
    assert_string_equal(c.quant_method, "awq");
    assert_true(c.quantized);
    vq_hf_config_done(&c);
    assert_int_equal(read_text(*state, "{}", false, &c, NULL), VQ_OK);
    assert_string_equal(c.model_type, "");
    vq_hf_config_done(&c);
}

static void test_generation(void **state)
{
    scratch_text(*state, "generation_config.json",
                 "{\"eos_token_id\":[9,10,11],\"temperature\":0.6}");
    vq_hf_config c = read_good(*state, "{" LLAMA ",\"bos_token_id\":4,\"eos_token_id\":5}");
    assert_int_equal(c.bos, 4);
    assert_int_equal(c.eos_count, 3);
    assert_int_equal(c.eos[2], 11);
    vq_hf_config_done(&c);
    scratch_text(*state, "generation_config.json", "{\"eos_token_id\":\"</s>\"}");
    vq_err e = {0};
    assert_int_equal(read_text(*state, "{" LLAMA "}", true, &c, &e), VQ_E_INPUT);
    assert_string_equal(e.text, "generation_config.json > eos_token_id is not a token id");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(test_defaults), TEST(test_given),
                                       TEST(test_families), TEST(test_the_last_layers_slide),
                                       TEST(test_ropes),    TEST(test_refusals),
                                       TEST(test_unknown),  TEST(test_generation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
