/* test_logits.c -- logits of whole models against those that transformers computed in fp32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "formats/checkpoint.h"
#include "golden.h"
#include "model/arch.h"
#include "model/exec.h"

typedef struct opened {
    vq_arena arena;
    vq_checkpoint checkpoint;
    vq_graph graph;
    vq_kernels kernels;
    vq_exec exec;
} opened;

static void open_model(opened *o, const char *path)
{
    vq_err e = {0};
    vq_arena_init(&o->arena, NULL);
    if (vq_checkpoint_open(&o->checkpoint, path, &o->arena, &e) != VQ_OK) fail_msg("%s", e.text);
    const vq_hf_config *c = &o->checkpoint.config;
    const vq_arch_config arch = {.model_type = c->model_type,
                                 .hidden = c->hidden,
                                 .ffn = c->ffn,
                                 .layers = c->layers,
                                 .heads = c->heads,
                                 .kv_heads = c->kv_heads,
                                 .head_dim = c->head_dim,
                                 .vocab = c->vocab,
                                 .max_position = c->max_position,
                                 .norm_eps = c->norm_eps,
                                 .rope_theta = c->rope_theta,
                                 .tied = c->tied,
                                 .attention_bias = c->attention_bias,
                                 .mlp_bias = c->mlp_bias,
                                 .activation = c->activation};
    assert_int_equal(vq_arch_find(c->model_type)->build(&arch, &o->graph, &o->arena, &e), VQ_OK);
    assert_int_equal(vq_kernels_select(&o->kernels, NULL, false, &e), VQ_OK);
    o->exec = (vq_exec){.graph = &o->graph, .source = &o->checkpoint.source, .kernels = &o->kernels, .arena = &o->arena};
}

static void close_model(opened *o)
{
    vq_checkpoint_close(&o->checkpoint);
    vq_arena_done(&o->arena);
}

/* Largest difference to want [length][vocab]. */
static float worst_difference(const opened *o, const int32_t *ids, int64_t length, const float *want)
{
    const vq_batch b = {.sequences = 1, .length = length};
    vq_err e = {0};
    float *h = malloc((size_t)(length * o->graph.hidden) * sizeof *h), *logits = malloc((size_t)(length * o->graph.vocab) * sizeof *logits);
    float worst = 0;
    if (vq_exec_embed(&o->exec, &b, ids, h, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int layer = 0; layer < o->graph.layers; layer++)
        if (vq_exec_block(&o->exec, &b, layer, h, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_exec_norm(&o->exec, h, length, h, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_exec_logits(&o->exec, h, length, 0, o->graph.vocab, logits, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int64_t i = 0; i < length * o->graph.vocab; i++) worst = fmaxf(worst, fabsf(logits[i] - want[i]));
    free(logits);
    free(h);
    return worst;
}

/* First row of "eval" in tokens.json: how many ids were read. */
static int64_t read_tokens(const char *path, int32_t *ids, int64_t max)
{
    json_t *root = json_load_file(path, 0, NULL);
    const json_t *row = json_array_get(json_object_get(root, "eval"), 0);
    int64_t n = 0;
    while (n < max && n < (int64_t)json_array_size(row)) {
        ids[n] = (int32_t)json_integer_value(json_array_get(row, (size_t)n));
        n++;
    }
    json_decref(root);
    return n;
}

/* The stored logits come from a model that was turned to bf16 and back to f32 as a whole, inverse frequencies of rope included; a
 * checkpoint that is loaded keeps them in f32. Same frequencies, same logits. */
static void round_frequencies(vq_graph *g)
{
    for (int64_t i = 0; i < g->rope_half; i++) g->rope_inv_freq[i] = vq_round_to(VQ_BF16, g->rope_inv_freq[i]);
}

static void golden_family(const char *family)
{
    char rest[256], path[4096];
    int32_t ids[4096];
    vq_err e = {0};
    opened o;
    vq_st_file stored;
    snprintf(rest, sizeof rest, "file-formats/%s/tokens.json", family);
    const int64_t length = read_tokens(golden_path(path, sizeof path, rest), ids, 4096);
    snprintf(rest, sizeof rest, "file-formats/%s/base", family);
    open_model(&o, golden_path(path, sizeof path, rest));
    round_frequencies(&o.graph);
    snprintf(rest, sizeof rest, "file-formats/%s/logits_base_f32.safetensors", family);
    assert_int_equal(vq_st_open(&stored, golden_path(path, sizeof path, rest), &o.arena, &e), VQ_OK);
    const vq_tensor *want = NULL;
    for (size_t i = 0; i < stored.count; i++)
        if (strcmp(stored.tensors[i].name, "logits") == 0) want = &stored.tensors[i];
    assert_non_null(want);
    assert_int_equal(want->bytes, (size_t)(length * o.graph.vocab) * sizeof(float));
    float *logits = malloc(want->bytes);
    memcpy(logits, want->data, want->bytes);
    const float worst = worst_difference(&o, ids, length, logits);
    print_message("%s: largest difference %g\n", family, (double)worst);
    assert_true(worst <= 1e-4f);
    free(logits);
    vq_st_close(&stored);
    close_model(&o);
}

static void test_llama(void **state)
{
    (void)state;
    golden_family("llama");
}

static void test_qwen3(void **state)
{
    (void)state;
    golden_family("qwen3");
}

/* The shipped tiny model; reference: a .npy of f32 [256][512] behind a header of 128 bytes. */
static void test_tiny_llama(void **state)
{
    (void)state;
    enum { LENGTH = 256, VOCAB = 512, HEADER = 128 };
    char path[4096];
    vq_err e = {0};
    opened o;
    vq_map ids, npy;
    assert_int_equal(vq_map_open(&ids, shared_path(path, sizeof path, "models/tiny-llama-reference/tiny_test.i32"), &e), VQ_OK);
    shared_path(path, sizeof path, "models/tiny-llama-reference/tiny_ref_logits_first256_f32.npy");
    assert_int_equal(vq_map_open(&npy, path, &e), VQ_OK);
    assert_int_equal(npy.size, HEADER + LENGTH * VOCAB * sizeof(float));
    open_model(&o, VQ_SOURCE_DIR "/examples/models/tiny-llama");
    const float worst =
        worst_difference(&o, (const int32_t *)(const void *)ids.data, LENGTH, (const float *)(const void *)(npy.data + HEADER));
    print_message("tiny-llama: largest difference %g\n", (double)worst);
    assert_true(worst <= 2e-4f);
    close_model(&o);
    vq_map_close(&npy);
    vq_map_close(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_llama), cmocka_unit_test(test_qwen3), cmocka_unit_test(test_tiny_llama)};
    return cmocka_run_group_tests_name("logits", tests, NULL, NULL);
}
