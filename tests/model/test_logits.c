/* test_logits.c -- logits of whole models against those that transformers computed in fp32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "formats/safetensors/safetensors.h"
#include "golden.h"
#include "load/model.h"
#include "model/op/attention/rope.h"
#include "show.h"

typedef struct opened {
    vq_arena arena;
    vq_job job;
    vq_model model;
    vq_exec exec;
} opened;

static void open_model(opened *o, const char *path)
{
    vq_err e = {0};
    *o = (opened){.arena = {0}};
    vq_arena_init(&o->arena, NULL);
    if (vq_model_open(&o->model, path, &o->arena, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_int_equal(vq_kernels_select(&o->job.kernels, NULL, false, &e), VQ_OK);
    o->exec = vq_model_exec(&o->model, &o->job, &o->arena, false);
}

static void close_model(opened *o)
{
    vq_model_close(&o->model);
    vq_arena_done(&o->arena);
}

/* Largest difference to want [length][vocab]. */
static float worst_difference(const opened *o, const int32_t *ids, int64_t length,
                              const float *want)
{
    const vq_batch b = {.sequences = 1, .length = length};
    vq_err e = {0};
    float *h = malloc((size_t)vq_record_most(&o->model.graph, 1, length) * sizeof *h),
          *logits = malloc((size_t)(length * o->model.graph.vocab) * sizeof *logits);
    float worst = 0;
    if (vq_exec_embed(&o->exec, &b, ids, h, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int layer = 0; layer < o->model.graph.layers; layer++)
        if (vq_exec_block(&o->exec, &b, layer, h, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_exec_head(&o->exec, h, length, h, &e) != VQ_OK) fail_msg("%s", e.text);
    if (vq_exec_logits(&o->exec, h, length, 0, o->model.graph.vocab, logits, &e) != VQ_OK)
        fail_msg("%s", e.text);
    for (int64_t i = 0; i < length * o->model.graph.vocab; i++)
        worst = fmaxf(worst, fabsf(logits[i] - want[i]));
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

/* The stored logits of the base models come from a model that was turned to bf16 and back to f32 as
 * a whole, inverse frequencies of rope included; a checkpoint that is loaded keeps them in f32.
 * Same frequencies, same logits. */
static void round_frequencies(const vq_graph *g)
{
    for (int id = 0; id < g->count; id++) {
        if (g->nodes[id].op != &vq_op_rope) continue;
        const vq_rope_table *table = ((const vq_rope *)g->nodes[id].args)->table;
        float *freq = (float *)(uintptr_t)table->inv_freq;
        for (int64_t i = 0; i < table->half; i++) freq[i] = vq_round_to(VQ_BF16, freq[i]);
    }
}

/* Largest difference of the model in FOLDER to the tensor `name` of FILE, both below the family's
 * golden folder. */
static float golden_difference(const char *family, const char *folder, const char *file,
                               const char *name, bool rounded)
{
    char rest[256], path[4096];
    int32_t ids[4096];
    vq_err e = {0};
    opened o;
    vq_st_file stored;
    snprintf(rest, sizeof rest, "file-formats/%s/tokens.json", family);
    const int64_t length = read_tokens(golden_path(path, sizeof path, rest), ids, 4096);
    snprintf(rest, sizeof rest, "file-formats/%s/%s", family, folder);
    open_model(&o, golden_path(path, sizeof path, rest));
    if (rounded) round_frequencies(&o.model.graph);
    snprintf(rest, sizeof rest, "file-formats/%s/%s", family, file);
    assert_int_equal(vq_st_open(&stored, golden_path(path, sizeof path, rest), &o.arena, &e),
                     VQ_OK);
    const vq_tensor *want = NULL;
    for (size_t i = 0; i < stored.count; i++)
        if (strcmp(stored.tensors[i].name, name) == 0) want = &stored.tensors[i];
    assert_non_null(want);
    assert_int_equal(want->bytes, (size_t)(length * o.model.graph.vocab) * sizeof(float));
    float *logits = malloc(want->bytes);
    memcpy(logits, want->data, want->bytes);
    const float worst = worst_difference(&o, ids, length, logits);
    print_message("%s/%s: largest difference %g\n", family, folder, (double)worst);
    free(logits);
    vq_st_close(&stored);
    close_model(&o);
    return worst;
}

static void test_base_models(void **state)
{
    (void)state;
    assert_le(golden_difference("llama", "base", "logits_base_f32.safetensors", "logits", true),
              1e-4f);
    assert_le(golden_difference("qwen3", "base", "logits_base_f32.safetensors", "logits", true),
              1e-4f);
}

/* Quantized models whose dequantized weights fit bf16, the type in which the peer holds them:
 * exactly the same matrices. */
static void test_quantized_models(void **state)
{
    (void)state;
    assert_le(golden_difference("llama", "ct-mxfp4/model", "ct-mxfp4/logits.safetensors",
                                "logits_f32_forward", false),
              1e-4f);
    assert_le(golden_difference("llama", "ct-mxfp8/model", "ct-mxfp8/logits.safetensors",
                                "logits_f32_forward", false),
              1e-4f);
    assert_le(golden_difference("qwen3", "ct-mxfp4/model", "ct-mxfp4/logits.safetensors",
                                "logits_f32_forward", false),
              1e-4f);
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
    assert_int_equal(
        vq_map_open(
            &ids, shared_path(path, sizeof path, "models/tiny-llama-reference/tiny_test.i32"), &e),
        VQ_OK);
    shared_path(path, sizeof path, "models/tiny-llama-reference/tiny_ref_logits_first256_f32.npy");
    assert_int_equal(vq_map_open(&npy, path, &e), VQ_OK);
    assert_int_equal(npy.size, HEADER + LENGTH * VOCAB * sizeof(float));
    open_model(&o, VQ_SOURCE_DIR "/examples/models/tiny-llama");
    const float worst = worst_difference(&o, (const int32_t *)(const void *)ids.data, LENGTH,
                                         (const float *)(const void *)(npy.data + HEADER));
    print_message("tiny-llama: largest difference %g\n", (double)worst);
    assert_le(worst, 2e-4f);
    close_model(&o);
    vq_map_close(&npy);
    vq_map_close(&ids);
}

int main(void)
{
    const struct CMUnitTest golden[] = {cmocka_unit_test(test_base_models),
                                        cmocka_unit_test(test_quantized_models)},
                            shared[] = {cmocka_unit_test(test_tiny_llama)};
    if (!golden_named()) return group_skipped("stored logits of models") + 77;
    const int failed = cmocka_run_group_tests_name("logits", golden, NULL, NULL);
    return failed + (shared_named() ? cmocka_run_group_tests_name("tiny-llama", shared, NULL, NULL)
                                    : group_skipped("stored logits of tiny-llama"));
}
