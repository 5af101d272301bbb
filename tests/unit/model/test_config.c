/* test_config.c -- how builders read config.json: both spellings, the defaults of transformers, and
 * every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "made_config.h"
#include "model/op/attention/attention.h"
#include "model/op/attention/rope.h"

#define SIZES                                                                                      \
    "\"hidden_size\":64,\"intermediate_size\":160,\"num_hidden_layers\":3,\"num_attention_"        \
    "heads\":8,\"vocab_size\":512"
#define LLAMA "\"model_type\":\"llama\"," SIZES

static vq_graph built(vq_arena *a, const char *text)
{
    vq_graph g;
    vq_err e = {0};
    if (made_text_build(text, &g, a, &e) != VQ_OK) fail_msg("%s: %s", text, e.text);
    return g;
}

/* Attention of a block. */
static const vq_node *mixer(const vq_graph *g, int layer)
{
    for (int id = g->parts[1 + layer].first; id < vq_graph_end(g, 1 + layer); id++)
        if (g->nodes[id].op == &vq_op_attention) return &g->nodes[id];
    fail_msg("no attention in block %d", layer);
    return NULL;
}

static int64_t window_of(const vq_graph *g, int layer)
{
    return ((const vq_attention *)mixer(g, layer)->args)->window;
}

static const vq_rope_table *rope_of(const vq_graph *g)
{
    for (int id = 0; id < g->count; id++)
        if (g->nodes[id].op == &vq_op_rope) return ((const vq_rope *)g->nodes[id].args)->table;
    fail_msg("no rope");
    return NULL;
}

static void test_defaults(void **state)
{
    const vq_graph g = built(*state, "{" LLAMA "}");
    assert_int_equal(vq_record_width(&g, 0), 64);
    assert_int_equal(g.layers, 3);
    assert_int_equal(g.vocab, 512);
    assert_int_equal(g.max_position, 2048);
    assert_int_equal(mixer(&g, 0)->heads, 8);
    assert_int_equal(mixer(&g, 0)->kv_heads, 8);
    assert_int_equal(mixer(&g, 0)->head_dim, 8);
    assert_int_equal(window_of(&g, 0), 0);
    assert_false(g.nodes[g.lm_head].tied);
    assert_float_equal(g.nodes[vq_graph_find(&g, "model.norm.weight")].eps, 1e-6f, 0);
    assert_float_equal(rope_of(&g)->inv_freq[1], pow(10000, -2.0 / 8), 1e-6);
}

static void test_given(void **state)
{
    const vq_graph g =
        built(*state, "{" LLAMA ",\"num_key_value_heads\":2,\"head_dim\":32,\"rms_norm_eps\":1e-5,"
                      "\"max_position_embeddings\":77,\"tie_word_embeddings\":true,"
                      "\"attention_bias\":true,\"mlp_bias\":true,\"hidden_act\":\"gelu\","
                      "\"rope_scaling\":null,\"rope_theta\":500000,\"sliding_window\":9}");
    assert_int_equal(mixer(&g, 0)->kv_heads, 2);
    assert_int_equal(mixer(&g, 0)->head_dim, 32);
    assert_int_equal(g.max_position, 77);
    assert_int_equal(window_of(&g, 0), 0); /* llama has none */
    assert_true(g.nodes[g.lm_head].tied);
    assert_true(g.nodes[vq_graph_find(&g, "model.layers.0.self_attn.o_proj")].bias);
    assert_true(g.nodes[vq_graph_find(&g, "model.layers.0.mlp.up_proj")].bias);
    assert_float_equal(rope_of(&g)->inv_freq[1], pow(500000, -2.0 / 32), 1e-6);
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
    {"{\"model_type\":\"qwen3\"," SIZES "}", 8, 128, 32768, 0, -1, -1},
    {"{\"model_type\":\"qwen3\"," SIZES
     ",\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}",
     8, 128, 32768, 0, -1, -1},
};

static void test_families(void **state)
{
    for (size_t i = 0; i < sizeof family_cases / sizeof *family_cases; i++) {
        const family_case *f = &family_cases[i];
        const vq_graph g = built(*state, f->text);
        const vq_arch *arch = vq_arch_find(g.arch);
        assert_int_equal(mixer(&g, 0)->kv_heads, f->kv_heads);
        assert_int_equal(mixer(&g, 0)->head_dim, f->head_dim);
        assert_int_equal(g.max_position, f->max_position);
        assert_int_equal(window_of(&g, 0), f->window);
        assert_int_equal(arch->bos, f->bos);
        assert_int_equal(arch->eos, f->eos);
    }
}

static void test_which_layers_slide(void **state)
{
    static const struct {
        const char *keys;
        bool slides[3];
    } rows[] = {
        {"\"max_window_layers\":2", {false, false, true}},
        {"\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"]",
         {false, false, true}},
        {"\"layer_types\":[\"sliding_attention\",\"full_attention\",\"sliding_attention\"]",
         {true, false, true}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"model_type\":\"qwen2\"," SIZES
                 ",\"use_sliding_window\":true,\"sliding_window\":100,%s}",
                 rows[i].keys);
        const vq_graph g = built(*state, text);
        for (int layer = 0; layer < 3; layer++)
            assert_int_equal(window_of(&g, layer), rows[i].slides[layer] ? 100 : 0);
    }
}

/* The second frequency of 8 channels a head, by the formulas of transformers. */
typedef struct rope_case {
    const char *text;
    double second;
} rope_case;

static const rope_case ropes[] = {
    {"\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":7.5}", 0.604275},
    {"\"rope_theta\":3,\"rope_parameters\":{\"rope_type\":\"default\"}", 0.759836},
    {"\"rope_theta\":3,\"rope_parameters\":{\"rope_theta\":4}", 0.707107},
    {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}", 0.04},
    {"\"rope_scaling\":{},\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2}", 0.05},
    {"\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_type\":"
     "\"default\"}",
     0.05},
    /* wavelength 63 of a trained 8192: short, kept; of a trained 64: long, slowed */
    {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
     "\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}",
     0.1},
    {"\"original_max_position_embeddings\":32,\"rope_parameters\":{\"rope_type\":\"llama3\","
     "\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,"
     "\"original_max_position_embeddings\":8192}",
     0.0125},
};

static void test_ropes(void **state)
{
    for (size_t i = 0; i < sizeof ropes / sizeof *ropes; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{" LLAMA ",%s}", ropes[i].text);
        const vq_graph g = built(*state, text);
        const double got = (double)rope_of(&g)->inv_freq[1];
        if (fabs(got - ropes[i].second) > 1e-6)
            fail_msg("%s: %.8g instead of %.8g", ropes[i].text, got, ropes[i].second);
    }
}

typedef struct refusal {
    const char *text, *message;
} refusal;

#define QWEN "\"model_type\":\"qwen2\"," SIZES
static const refusal refusals[] = {
    {"{\"model_type\":\"llama\"}", "hidden_size is missing"},
    {"{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":1,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":1}",
     "vocab_size is missing"},
    {"{\"model_type\":\"llama\",\"hidden_size\":0}", "hidden_size is 0"},
    {"{\"model_type\":\"llama\",\"hidden_size\":-5}", "hidden_size is -5"},
    {"{\"model_type\":\"llama\",\"hidden_size\":2147483648}", "hidden_size is 2147483648"},
    {"{\"model_type\":\"llama\",\"hidden_size\":64.0}", "hidden_size is not a whole number"},
    {"{\"model_type\":\"llama\",\"hidden_size\":\"64\"}", "hidden_size is not a whole number"},
    {"{" LLAMA ",\"num_key_value_heads\":3}",
     "num_attention_heads 8 is not a multiple of num_key_value_heads 3"},
    {"{" LLAMA ",\"num_key_value_heads\":16}", "not a multiple"},
    {"{" LLAMA ",\"head_dim\":7}", "head_dim is 7"},
    {"{\"model_type\":\"llama\",\"hidden_size\":65,\"intermediate_size\":1,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":8,\"vocab_"
     "size\":1}",
     "hidden_size 65 is not a multiple of num_attention_heads 8"},
    {"{" LLAMA ",\"rms_norm_eps\":0}", "rms_norm_eps is 0"},
    {"{" LLAMA ",\"rms_norm_eps\":1e300}", "rms_norm_eps is 1e+300, beyond"},
    {"{" LLAMA ",\"rms_norm_eps\":1e-300}", "rms_norm_eps is 1e-300, beyond"},
    {"{" LLAMA ",\"rms_norm_eps\":\"1e-5\"}", "rms_norm_eps is not a number"},
    {"{" LLAMA ",\"tie_word_embeddings\":1}", "tie_word_embeddings is neither true nor false"},
    {"{" LLAMA ",\"hidden_act\":[]}", "hidden_act is not a string"},
    {"{" LLAMA ",\"rope_theta\":-1}", "rope_theta is -1"},
    {"{" LLAMA ",\"rope_parameters\":3}", "not an object"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"longrope\"}}", "short_factor must list"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":3}}", "rope_type is not a string"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"linear\"}}", "no factor"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}}", "llama3 needs"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
     "\"high_freq_factor\":4}}",
     "llama3 needs"},
    {"{" LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}}",
     "differ between layers"},
    {"{" LLAMA ",\"partial_rotary_factor\":0.5}", "partial_rotary_factor 0.5"},
    {"{" QWEN
     ",\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]}",
     "no sliding window is in use"},
    {"{" QWEN ",\"layer_types\":[\"full_attention\"]}", "does not list every layer"},
    {"{" QWEN ",\"layer_types\":[\"full_attention\",\"linear_attention\",\"full_attention\"]}",
     "linear_attention of layer 1"},
    {"{\"model_type\":\"mistral\"," SIZES ",\"sliding_window\":0}", "sliding_window is 0"},
    {"{" LLAMA ",\"rope_scaling\":{\"type\":\"spiral\"}}", "rope type spiral is not supported"},
    {"{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":1,\"num_attention_heads\":"
     "8,\"vocab_size\":1,\"num_hidden_layers\":5000}",
     "num_hidden_layers is 5000"},
};

static void test_refusals(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        vq_graph g;
        vq_err e = {0};
        const vq_status s = made_text_build(refusals[i].text, &g, *state, &e);
        if (s != VQ_E_INPUT || !strstr(e.text, refusals[i].message))
            fail_msg("%s: status %d: %s instead of %s", refusals[i].text, s, e.text,
                     refusals[i].message);
    }
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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_defaults), TEST(test_given),
                                       TEST(test_families), TEST(test_which_layers_slide),
                                       TEST(test_ropes),    TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
