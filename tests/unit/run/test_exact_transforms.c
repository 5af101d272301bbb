/* test_exact_transforms.c -- every transform on every architecture, from the recipe to the finished
 * files, keeps the logits: with a number format that loses nothing, an artifact computes what the
 * model computes. */
#include "decoder_world.h"
#include "load/model.h"
#include "model_folder.h"
#include "run/run.h"

/* Blocks of one element whose scale is the element: as good as F32, and still packed, permuted,
 * rotated and given residuals. */
#define EXACT "{grid: i4, group: \"block:1\", range: narrow}"
#define HEAD                                                                                       \
    "vq: 1\nname: exact\ncalib: {data: required, samples: 4, seqlen: 24}\n"                        \
    "rules:\n  - {match: {}, use: {weight: " EXACT ", act: " EXACT                                 \
    "}}\n  - {match: {role: [embed, lm_head]}, use: keep, optional: true}\n"                       \
    "output: {format: vq}\npasses:\n"

static const char *const transforms[] = {
    "",
    "  - {do: smooth}\n",
    "  - {do: smooth, log_equalization: true}\n",
    "  - {do: smooth, by: hessian}\n",
    "  - {do: awq, grid: 4}\n",
    "  - {do: order}\n",
    "  - {do: hadamard, block: 16}\n",
    "  - {do: hadamard, block: 16, fold: online}\n",
    "  - {do: hadamard, block: full}\n",
    "  - {do: arc, count: paper}\n",
    "  - {do: arc, count: all}\n",
    "  - {do: rotate}\n",
    "  - {do: rotate, r1: 16}\n",
    "  - {do: stream_order}\n",
    "  - {do: ksort}\n",
    "  - {do: ksort, mode: free}\n",
    ("  - {do: stream_order}\n  - {do: ksort, mode: pairs}\n  - {do: rotate}\n  - {do: smooth}\n  "
     "- {do: order}\n"
     "  - {do: arc, count: paper}\n"),
    "  - {do: smooth}\n  - {do: order}\n  - {do: hadamard, block: 16}\n",
};
enum { TRANSFORMS = sizeof transforms / sizeof *transforms };

/* Wide enough for Hadamard blocks inside heads; the MLP is no power of two but 12 times 16. */
static void open_wide(decoder_world *w, scratch *s, const char *type)
{
    made_config c = world_config(type);
    c.hidden = 64;
    c.ffn = 192;
    c.head_dim = 16;
    world_open_as(w, &c, false, 17);
    folder_write(s, &w->config, &w->weights);
    scratch_file(s, "ids", w->ids, 4 * WORLD_TOKENS * sizeof *w->ids);
}

static void quantize(const decoder_world *w, scratch *s, const char *passes)
{
    char model[512], recipe[512], data[512], out[512], text[2048];
    vq_job job = {.kernels = w->kernels, .threads = 1};
    vq_err e = {0};
    vq_quantize_result r;
    vq_arena a;
    snprintf(text, sizeof text, "%s%s  - {do: round, method: rtn}\n", HEAD, passes);
    snprintf(recipe, sizeof recipe, "%s", scratch_text(s, "recipe.yaml", text));
    snprintf(data, sizeof data, "%s", scratch_path(s, "ids"));
    snprintf(out, sizeof out, "%s", scratch_path(s, "out"));
    snprintf(model, sizeof model, "%s", scratch_path(s, "model.safetensors"));
    const vq_calib_source ids = {.kind = VQ_KIND_TOKENS, .path = data};
    const vq_quantize_options o = {
        .model = model, .recipe = recipe, .data = {&ids, 1}, .out = out, .force = true};
    vq_arena_init(&a, NULL);
    if (vq_run_quantize(&job, &o, &r, &a, &e) != VQ_OK)
        fail_msg("%s, %s: %s", w->config.model_type, passes, e.text);
    vq_arena_done(&a);
}

/* Logits [WORLD_TOKENS][vocab] of the artifact, its inputs rounded as it says; free them. */
static float *artifact_logits(const decoder_world *w, scratch *s)
{
    vq_model m;
    vq_arena a;
    vq_err e = {0};
    const vq_job job = {.kernels = w->kernels, .threads = 1};
    vq_arena_init(&a, NULL);
    if (vq_model_open(&m, scratch_path(s, "out"), &a, &e) != VQ_OK) fail_msg("%s", e.text);
    decoder_world made = *w;
    made.graph = m.graph;
    made.exec = vq_model_exec(&m, &job, &a, true);
    float *logits = world_logits(&made, made.exec.source);
    vq_model_close(&m);
    vq_arena_done(&a);
    return logits;
}

static bool same_weights(scratch *s, char sha[VQ_SHA256_TEXT])
{
    char now[VQ_SHA256_TEXT];
    vq_map map;
    vq_err e;
    assert_int_equal(vq_map_open(&map, scratch_path(s, "out/model.safetensors"), &e), VQ_OK);
    vq_sha256_of(map.data, map.size, now);
    vq_map_close(&map);
    const bool same = strcmp(now, sha) == 0;
    if (!sha[0]) memcpy(sha, now, sizeof now);
    return same;
}

static void test_of(void **state, const char *type)
{
    decoder_world w;
    char plain[VQ_SHA256_TEXT] = "";
    open_wide(&w, *state, type);
    float *want = world_logits(&w, &w.weights.source);
    for (int i = 0; i < TRANSFORMS; i++) {
        quantize(&w, *state, transforms[i]);
        float *got = artifact_logits(&w, *state);
        const double change = world_distance(&w, got, want);
        if (!(change < 1e-4)) fail_msg("%s,%s: logits change by %g", type, transforms[i], change);
        if (same_weights(*state, plain))
            fail_msg("%s,%s: nothing was transformed", type, transforms[i]);
        free(got);
    }
    free(want);
    world_close(&w);
}

static void test_llama(void **state)
{
    test_of(state, "llama");
}

static void test_mistral(void **state)
{
    test_of(state, "mistral");
}

static void test_qwen2(void **state)
{
    test_of(state, "qwen2");
}

static void test_qwen3(void **state)
{
    test_of(state, "qwen3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_llama, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_mistral, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_qwen2, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_qwen3, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
