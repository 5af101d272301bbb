/* test_exec.c -- whole forward passes against f64 loops; caches, batches and threads against each
 * other; errors by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <omp.h>

#include "decoder_reference.h"
#include "decoder_world.h"
#include "model/exec/frame.h"
#include "model/op/attention/kv_cache.h"
#include "model/walk/groups.h"
#include "show.h"

enum { LENGTH = WORLD_IDS }; /* more than two tiles of queries, the last one short */

/* Three query heads share a key head. */
static void open_world(decoder_world *w, const char *type, int64_t window)
{
    made_config c = world_config(type);
    c.ffn = 56;
    c.heads = 6;
    c.sliding_window = window;
    world_open_as(w, &c, false, 7);
}

/* Logits [tokens][vocab] of a batch; the vocabulary in two tiles. */
static void run(const decoder_world *w, const vq_batch *b, const int32_t *ids, float *logits)
{
    vq_err e = {0};
    const int64_t tokens = b->sequences * b->length, vocab = w->config.vocab, half = 24;
    float *h = malloc((size_t)(tokens * w->config.hidden) * sizeof *h),
          *tile = malloc((size_t)(tokens * vocab) * sizeof *tile);
    assert_int_equal(vq_exec_embed(&w->exec, b, ids, h, &e), VQ_OK);
    for (int layer = 0; layer < w->graph.layers; layer++)
        assert_int_equal(vq_exec_block(&w->exec, b, layer, h, &e), VQ_OK);
    assert_int_equal(vq_exec_head(&w->exec, h, tokens, h, &e), VQ_OK);
    for (int64_t v0 = 0; v0 < vocab; v0 += half) {
        const int64_t nv = vocab - v0 < half ? vocab - v0 : half;
        assert_int_equal(vq_exec_logits(&w->exec, h, tokens, v0, nv, tile, &e), VQ_OK);
        for (int64_t t = 0; t < tokens; t++)
            memcpy(logits + t * vocab + v0, tile + t * nv, (size_t)nv * sizeof *logits);
    }
    free(tile);
    free(h);
}

static float *new_logits(const decoder_world *w, int64_t tokens)
{
    return malloc((size_t)(tokens * w->config.vocab) * sizeof(float));
}

static void assert_close(const float *a, const float *b, int64_t n, float tolerance)
{
    for (int64_t i = 0; i < n; i++) assert_float_equal(a[i], b[i], tolerance);
}

static void against_reference(const char *type, int64_t window)
{
    decoder_world w;
    open_world(&w, type, window);
    const vq_batch b = {.sequences = 1, .length = LENGTH};
    float *got = new_logits(&w, LENGTH);
    double *want = malloc((size_t)(LENGTH * w.config.vocab) * sizeof *want);
    run(&w, &b, w.ids, got);
    ref_logits(&(reference){&w.config, &w.weights}, w.ids, LENGTH, want);
    for (int64_t i = 0; i < LENGTH * w.config.vocab; i++) assert_float_equal(got[i], want[i], 2e-4);
    free(want);
    free(got);
    world_close(&w);
}

static void test_families_match_f64_loops(void **state)
{
    (void)state;
    against_reference("llama", 0);
    against_reference("qwen2", 0);
    against_reference("qwen3", 0);
}

static void test_sliding_window_matches_f64_loops(void **state)
{
    (void)state;
    against_reference("mistral", 40);
    against_reference("mistral", 1);
    against_reference("mistral", 64);
}

static void cached_equals_whole(const char *type, int64_t window, int64_t prompt)
{
    decoder_world w;
    open_world(&w, type, window);
    vq_err e;
    vq_kv_cache *cache;
    const int64_t vocab = w.config.vocab, length = 75;
    const vq_batch whole = {.sequences = 2, .length = length};
    float *want = new_logits(&w, 2 * length), *got = new_logits(&w, 2 * prompt);
    run(&w, &whole, w.ids, want);
    assert_int_equal(vq_kv_cache_new(&cache, &w.graph, 2, length, &w.arena, &e), VQ_OK);
    for (int64_t at = 0; at < length; at += prompt) {
        const int64_t n = length - at < prompt ? length - at : prompt;
        const vq_batch step = {.sequences = 2, .length = n, .position = at, .cache = cache};
        int32_t ids[2 * LENGTH];
        for (int64_t s = 0; s < 2; s++)
            memcpy(ids + s * n, w.ids + s * length + at, (size_t)n * sizeof *ids);
        run(&w, &step, ids, got);
        for (int64_t s = 0; s < 2; s++)
            assert_close(got + s * n * vocab, want + (s * length + at) * vocab, n * vocab, 1e-4f);
    }
    free(got);
    free(want);
    world_close(&w);
}

static void test_cache_equals_whole_sequences(void **state)
{
    (void)state;
    cached_equals_whole("llama", 0, 1);
    cached_equals_whole("qwen3", 0, 40);
    cached_equals_whole("mistral", 9, 1);
    cached_equals_whole("mistral", 9, 30);
}

static void test_sequences_do_not_see_each_other(void **state)
{
    (void)state;
    decoder_world w;
    open_world(&w, "llama", 0);
    const int64_t length = 30, vocab = w.config.vocab;
    const vq_batch all = {.sequences = 5, .length = length},
                   one = {.sequences = 1, .length = length};
    float *together = new_logits(&w, 5 * length), *alone = new_logits(&w, length);
    run(&w, &all, w.ids, together);
    for (int64_t s = 0; s < 5; s++) {
        run(&w, &one, w.ids + s * length, alone);
        assert_close(together + s * length * vocab, alone, length * vocab, 1e-4f);
    }
    free(alone);
    free(together);
    world_close(&w);
}

static void test_same_bits_for_every_thread_count(void **state)
{
    (void)state;
    decoder_world w;
    open_world(&w, "qwen3", 0);
    const vq_batch b = {.sequences = 2, .length = LENGTH / 2};
    float *first = new_logits(&w, LENGTH), *other = new_logits(&w, LENGTH);
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    run(&w, &b, w.ids, first);
    for (int n = 2; n <= 5; n++) {
        omp_set_num_threads(n);
        run(&w, &b, w.ids, other);
        assert_memory_equal(first, other, (size_t)(LENGTH * w.config.vocab) * sizeof *first);
    }
    omp_set_num_threads(threads);
    free(other);
    free(first);
    world_close(&w);
}

typedef struct seen {
    int nodes[16];
    int count;
    int64_t tokens;
} seen;

static vq_status note(void *ctx, int node, const vq_seen_rows *x, vq_err *e)
{
    (void)e;
    seen *s = ctx;
    s->nodes[s->count++] = node;
    s->tokens += x->count;
    return VQ_OK;
}

static void test_hook_sees_each_group_once(void **state)
{
    (void)state;
    decoder_world w;
    open_world(&w, "llama", 0);
    seen s = {0};
    w.exec.hook = note;
    w.exec.hook_ctx = &s;
    const vq_batch b = {.sequences = 1, .length = 10};
    vq_linear_group *groups;
    int n;
    vq_err e;
    float *logits = new_logits(&w, 10);
    run(&w, &b, w.ids, logits);
    assert_int_equal(vq_graph_groups(&w.graph, &w.arena, &groups, &n, &e), VQ_OK);
    assert_int_equal(s.count, n);
    for (int i = 0; i < n; i++) assert_int_equal(s.nodes[i], groups[i].linears[0]);
    assert_int_equal(s.tokens, 10 * n);
    free(logits);
    world_close(&w);
}

static vq_status embed_and_block(decoder_world *w, int layer, vq_err *e)
{
    const vq_batch b = {.sequences = 2, .length = 6};
    float h[12 * 32];
    VQ_TRY(vq_exec_embed(&w->exec, &b, w->ids, h, e));
    return vq_exec_block(&w->exec, &b, layer, h, e);
}

static void test_errors_name_the_place(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    open_world(&w, "llama", 0);
    memory_data(&w.weights, "model.layers.1.mlp.down_proj.weight")[5] = NAN;
    assert_int_equal(embed_and_block(&w, 1, &e), VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "layer 1 > output of position 0 of sample 0 is not finite"));
    assert_int_equal(embed_and_block(&w, 0, &e), VQ_OK);
    w.weights.names[memory_find(&w.weights, "model.layers.1.self_attn.q_proj.weight")][0] = 'x';
    assert_int_equal(embed_and_block(&w, 1, &e), VQ_E_INPUT);
    assert_string_equal(
        e.text, "layer 1 > attn.q > tensor model.layers.1.self_attn.q_proj.weight is missing");
    w.weights.tensors[memory_find(&w.weights, "model.layers.0.input_layernorm.weight")].shape[0] =
        31;
    assert_int_equal(embed_and_block(&w, 0, &e), VQ_E_INPUT);
    assert_string_equal(e.text, "layer 0 > norm > model.layers.0.input_layernorm.weight holds 31 "
                                "numbers; the model needs 32");
    w.ids[8] = 61;
    assert_int_equal(embed_and_block(&w, 0, &e), VQ_E_INPUT);
    assert_string_equal(
        e.text, "embed > token id 61 at position 2 of sequence 1 is outside the vocabulary of 61");
    w.ids[8] = -1;
    assert_int_equal(embed_and_block(&w, 0, &e), VQ_E_INPUT);
    world_close(&w);
}

static void test_a_missing_bias_is_an_error(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    open_world(&w, "qwen2", 0);
    w.weights.names[memory_find(&w.weights, "model.layers.0.self_attn.k_proj.bias")][0] = 'x';
    assert_int_equal(embed_and_block(&w, 0, &e), VQ_E_INPUT);
    assert_non_null(
        strstr(e.text, "layer 0 > attn.k > model.layers.0.self_attn.k_proj.bias is missing"));
    world_close(&w);
}

static void test_scratch_is_predicted(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    open_world(&w, "qwen3", 0);
    const vq_batch b = {.sequences = 40, .length = 120};
    const int64_t tokens = b.sequences * b.length;
    float *h = calloc((size_t)(tokens * w.config.hidden), sizeof *h);
    for (int64_t i = 0; i < tokens * w.config.hidden; i++) h[i] = (float)(i % 13) - 6;
    assert_int_equal(vq_exec_block(&w.exec, &b, 1, h, &e), VQ_OK);
    const size_t bytes = vq_exec_bytes(&w.exec, &b);
    assert_le(w.budget.peak, bytes);
    assert_lt(bytes, w.budget.peak + (1 << 20));
    free(h);
    world_close(&w);
}

/* Norm, q, k, v, gate, up: five buffers beside the residual stream would do for a block; more is
 * waste. */
static void test_buffers_are_handed_on(void **state)
{
    (void)state;
    decoder_world w;
    vq_program p;
    vq_frame_plan plan;
    vq_err e;
    open_world(&w, "qwen3", 0);
    const vq_batch one = {.sequences = 1, .length = 1};
    assert_int_equal(vq_program_make(&p, &w.exec, 1, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_frame_plan_make(&plan, &p, &one, false, &w.arena, &e), VQ_OK);
    assert_le(plan.buffers.count, 5);
    assert_le(vq_buffers_floats(&plan.buffers), 2 * w.config.ffn + 2 * w.config.hidden);
    assert_int_equal(plan.buffer[p.count - 1], 0); /* the residual stream never moves */
    world_close(&w);
}

static void test_every_failed_request_is_a_limit(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    open_world(&w, "qwen2", 0);
    vq_status status = VQ_E_LIMIT;
    for (size_t nth = 1; status != VQ_OK; nth++) {
        assert_int_equal(status, VQ_E_LIMIT);
        w.budget.fail_in = nth;
        status = embed_and_block(&w, 0, &e);
        assert_int_equal(w.budget.used, 0);
    }
    world_close(&w);
}

static void test_a_cache_has_ends(void **state)
{
    (void)state;
    decoder_world w;
    vq_err e;
    vq_kv_cache *cache;
    open_world(&w, "llama", 0);
    float h[4 * 32] = {0};
    assert_int_equal(vq_kv_cache_new(&cache, &w.graph, 1, 8, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_exec_block(&w.exec, &(vq_batch){1, 4, 5, cache, 0}, 0, h, &e), VQ_E_BUG);
    assert_int_equal(vq_exec_block(&w.exec, &(vq_batch){2, 2, 0, cache, 0}, 0, h, &e), VQ_E_BUG);
    assert_int_equal(vq_exec_block(&w.exec, &(vq_batch){1, 4, 1, NULL, 0}, 0, h, &e), VQ_E_BUG);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_match_f64_loops),
        cmocka_unit_test(test_sliding_window_matches_f64_loops),
        cmocka_unit_test(test_cache_equals_whole_sequences),
        cmocka_unit_test(test_sequences_do_not_see_each_other),
        cmocka_unit_test(test_same_bits_for_every_thread_count),
        cmocka_unit_test(test_hook_sees_each_group_once),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_a_missing_bias_is_an_error),
        cmocka_unit_test(test_scratch_is_predicted),
        cmocka_unit_test(test_buffers_are_handed_on),
        cmocka_unit_test(test_every_failed_request_is_a_limit),
        cmocka_unit_test(test_a_cache_has_ends),
    };
    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
